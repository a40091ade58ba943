"""Pages of an answer that is still being written: what `stream` gives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import httpx

from ocr_client.pages import End, Page
from ocr_client.requests import Lines, cut_off, explained, in_time, item_of
from ocr_client.retries import Deadline

_LEFT = "pages are taken inside the block of `stream`, which was left"


class PageStream:
    """Pages as they are read; an iterator. `end` is known once the last one was taken."""

    def __init__(self, response: httpx.Response, deadline: Deadline) -> None:
        self._items = self._parsed(response, deadline)
        self._closed = False
        self.end: End | None = None
        """What the service says after the last page."""

    def __iter__(self) -> Iterator[Page]:
        return self

    def __next__(self) -> Page:
        if self._closed and self.end is None:
            raise RuntimeError(_LEFT)
        return next(self._items)

    def close(self) -> None:
        """Take no more pages."""
        self._closed = True

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
        self._deadline = deadline
        self._items = self._parsed(response)
        self._closed = False
        self.end: End | None = None
        """What the service says after the last page."""

    def __aiter__(self) -> AsyncIterator[Page]:
        return self

    async def __anext__(self) -> Page:
        if self._closed and self.end is None:
            raise RuntimeError(_LEFT)
        with in_time(self._deadline):
            return await anext(self._items)

    async def aclose(self) -> None:
        """Take no more pages."""
        self._closed = True
        await self._items.aclose()

    async def _parsed(self, response: httpx.Response) -> AsyncGenerator[Page, None]:
        with explained():
            lines = Lines()
            async for piece in response.aiter_bytes():
                for line in lines.cut(piece):
                    item = item_of(line)
                    if isinstance(item, End):
                        self.end = item
                        return
                    yield item
        raise cut_off()
