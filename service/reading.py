"""One request's images through the workers: a result or an error for each, within the deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request

from ocr_core import images
from ocr_core.pipeline.result import Page, ReadOptions
from service.errors import ClientGoneError, DeadlineExceededError
from service.serving import Reader
from service.ticket import Ticket
from service.uploads import Upload
from service.workers import Workers


@dataclass(frozen=True, slots=True)
class Reading:
    """An image that was read, and the seconds that it spent in each stage."""

    page: Page
    seconds: dict[str, float]


def jobs_for(
    uploads: Sequence[Upload], reader: Reader, options: ReadOptions, max_pixels: int, ticket: Ticket
) -> list[Callable[[], Reading]]:
    """Return one blocking job an image."""
    queued = time.perf_counter()
    return [partial(_read, upload.data, reader, options, max_pixels, ticket, queued) for upload in uploads]


async def settle(
    request: Request, workers: Workers, jobs: Sequence[Callable[[], Reading]], ticket: Ticket
) -> list[Reading | Exception]:
    """Run `jobs` and return what each gave, in order; those that the deadline overtakes give its error.

    Raises:
        OverloadedError: they do not fit the queue; none was begun.
        ClientGoneError: the client left; what had not begun will not begin.
    """
    futures = workers.submit(*jobs)
    finished = asyncio.gather(*futures, return_exceptions=True)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        watched: set[asyncio.Future[Any]] = {finished, gone}
        await asyncio.wait(watched, timeout=ticket.remaining(), return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not finished.done():
            raise ClientGoneError("the client has closed the connection")
        return [_outcome(future) for future in futures]
    finally:
        gone.cancel()
        if not finished.done():
            ticket.cancel()
            for future in futures:
                future.cancel()


def _outcome(future: asyncio.Future[Reading]) -> Reading | Exception:
    if not future.done():
        return DeadlineExceededError("the deadline has passed")
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    return error


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _read(data: bytes, reader: Reader, options: ReadOptions, max_pixels: int, ticket: Ticket, queued: float) -> Reading:
    ticket.check()
    begun = time.perf_counter()
    image = images.decode(data, max_pixels=max_pixels)
    decoded = time.perf_counter()
    ticket.check()
    page = reader.read(image.pixels, options)
    return Reading(page, {"queue": begun - queued, "decode": decoded - begun, **page.seconds})
