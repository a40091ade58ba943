"""One request's images on their way: let in, read by fair turns, a result or an error for each within the deadline."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from ocr_core.errors import ImageError
from ocr_core.pages import images
from ocr_core.pipeline.result import Page, ReadOptions
from service.engine.admission import Place
from service.engine.batching.fairness import Share
from service.engine.batching.runner import ScheduledRunner
from service.engine.models.loaded import Loaded
from service.engine.serving import Serving
from service.engine.ticket import Ticket, client_gone
from service.errors import DeadlineExceededError, OverloadedError
from service.http.problems import is_fault
from service.http.schemas import Model
from service.http.uploads import Received, Upload
from service.observe.tracing import span


@dataclass(frozen=True, slots=True)
class Reading:
    """An image that was read, and the seconds that it spent in each stage."""

    page: Page
    seconds: dict[str, float]


Outcome = Reading | Exception
"""What an image gave."""


async def read_images(
    request: Request, received: Received, serving: Serving, ticket: Ticket
) -> tuple[Model, list[Outcome]]:
    """Read the images of a request with one model and return which it was and what each image gave, in order.

    If a model on trial fails, all of them are read again by the one before it, so that no answer mixes two models.

    Raises:
        ModelNotServedError: the request names a model that is not loaded.
        OverloadedError: the images do not fit in; none was begun.
        ClientGoneError: the client left; what had not begun will not begin.
    """
    model = serving.models.find(received.fields.model)
    options = received.fields.options()
    with model.lease():
        outlook = await run_in_threadpool(_foresee, received.uploads, model, options, serving.settings.max_pixels)
        places = serving.admission.places(outlook)
        share = serving.scheduler.enter(ticket, sum(cost for _, cost in outlook))
        try:
            _refuse_if_late(serving.scheduler.lateness(share))
            visit = _Visit(request, received.uploads, options, serving, share)
            outcomes = await visit.read_with(model, places)
            other = serving.models.retry_on(model, fault=any(_is_fault(outcome) for outcome in outcomes))
            if other is None or ticket.over() or "@" in (received.fields.model or ""):
                return Model.of(model.bundle), outcomes
            with other.lease():
                return Model.of(other.bundle), await visit.read_with(other, [])
        finally:
            serving.scheduler.leave(share)
            for place in places:
                place.release()


class _Visit:
    """A request whose images were let in."""

    def __init__(
        self, request: Request, uploads: Sequence[Upload], options: ReadOptions, serving: Serving, share: Share
    ) -> None:
        self._request = request
        self._uploads = uploads
        self._options = options
        self._serving = serving
        self._share = share

    async def read_with(self, model: Loaded, places: Sequence[Place]) -> list[Outcome]:
        """Read every image; those that the deadline overtakes give its error."""
        spare = itertools.chain(places, itertools.repeat(None))
        futures = [self._begin(upload, model, place) for upload, place in zip(self._uploads, spare, strict=False)]
        return await self._settle([asyncio.wrap_future(future) for future in futures])

    def _begin(self, upload: Upload, model: Loaded, place: Place | None) -> Future[Reading]:
        job = partial(self._read, upload.data, model, time.perf_counter())
        model.acquire()

        def end(_: Future[Reading]) -> None:
            model.release()
            if place is not None:
                place.release()

        future = self._serving.workers.submit(self._share, job)
        future.add_done_callback(end)
        return future

    def _read(self, data: bytes, model: Loaded, queued: float) -> Reading:
        """Read one image; runs in a thread."""
        ticket = self._share.ticket
        ticket.check()
        begun = time.perf_counter()
        with span("decode"):
            image = images.decode(data, max_pixels=self._serving.settings.max_pixels)
        decoded = time.perf_counter()
        ticket.check()
        runner = ScheduledRunner(model.stages, self._serving.scheduler, self._share)
        page = model.reader.read(image.pixels, self._options, runner=runner)
        runner.teach()
        waited = runner.waited
        stages = {stage: seconds - waited.get(stage, 0.0) for stage, seconds in page.seconds.items()}
        queue = begun - queued + sum(waited.values())
        return Reading(page, {"queue": queue, "decode": decoded - begun, **stages})

    async def _settle(self, futures: Sequence[asyncio.Future[Reading]]) -> list[Outcome]:
        ticket = self._share.ticket
        finished = asyncio.gather(*futures, return_exceptions=True)
        gone = asyncio.ensure_future(_disconnected(self._request))
        try:
            watched: set[asyncio.Future[Any]] = {finished, gone}
            await asyncio.wait(watched, timeout=ticket.remaining(), return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not finished.done():
                raise client_gone()
            return [_outcome(future) for future in futures]
        finally:
            gone.cancel()
            if not finished.done():
                ticket.cancel()
                for future in futures:
                    future.cancel()


def _refuse_if_late(lateness: float) -> None:
    if lateness > 0:
        raise OverloadedError(
            "there is too much to do for all deadlines to be kept", retry_after=max(1, math.ceil(lateness))
        )


def _foresee(
    uploads: Sequence[Upload], model: Loaded, options: ReadOptions, max_pixels: int
) -> list[tuple[int, float]]:
    """Return for each image its pixels and its cost, as its header tells; what will not be decoded has none."""

    def one(data: bytes) -> tuple[int, float]:
        try:
            header = images.probe(data)
        except ImageError:
            return 0, 0.0
        pixels = header.width * header.height
        if pixels > max_pixels:
            return 0, 0.0
        return pixels, model.stages.expected_cost(header.width, header.height, detect=options.detect)

    return [one(upload.data) for upload in uploads]


def _outcome(future: asyncio.Future[Reading]) -> Outcome:
    if not future.done():
        return DeadlineExceededError("the deadline has passed")
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    return error


def _is_fault(outcome: Outcome) -> bool:
    return isinstance(outcome, Exception) and is_fault(outcome)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
