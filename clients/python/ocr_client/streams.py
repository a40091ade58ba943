"""Pages of an answer that is still being written: what `stream` gives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import httpx

from ocr_client.pages import End, Page
from ocr_client.requests import Lines, cut_off, explained, item_of
from ocr_client.retries import Deadline


class PageStream:
    """Pages as they are read; an iterator. `end` is known once the last one was taken."""

    def __init__(self, response: httpx.Response, deadline: Deadline) -> None:
        self._items = self._parsed(response, deadline)
        self.end: End | None = None
        """What the service says after the last page."""

    def __iter__(self) -> Iterator[Page]:
        return self

    def __next__(self) -> Page:
        return next(self._items)

    def _parsed(self, response: httpx.Response, deadline: Deadline) -> Iterator[Page]:
        with explained():
            lines = Lines()
            for piece in response.iter_bytes():
                deadline.remaining()
                for line in lines.cut(piece):
                    item = item_of(line)
                    if isinstance(item, End):
                        self.end = item
                        return
                    yield item
                    deadline.remaining()
        raise cut_off()


class AsyncPageStream:
    """Pages as they are read; an iterator. `end` is known once the last one was taken."""

    def __init__(self, response: httpx.Response, deadline: Deadline) -> None:
        self._items = self._parsed(response, deadline)
        self.end: End | None = None
        """What the service says after the last page."""

    def __aiter__(self) -> AsyncIterator[Page]:
        return self

    async def __anext__(self) -> Page:
        return await anext(self._items)

    async def aclose(self) -> None:
        """Take no more pages."""
        await self._items.aclose()

    async def _parsed(self, response: httpx.Response, deadline: Deadline) -> AsyncGenerator[Page, None]:
        with explained():
            lines = Lines()
            async for piece in response.aiter_bytes():
                deadline.remaining()
                for line in lines.cut(piece):
                    item = item_of(line)
                    if isinstance(item, End):
                        self.end = item
                        return
                    yield item
                    deadline.remaining()
        raise cut_off()
