"""One request's images on their way: let in, read by fair turns, a result or an error for each within the deadline."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from anyio import to_thread

from ocr_core.bundle.reader import Bundle
from ocr_core.errors import ImageError
from ocr_core.pages import images
from ocr_core.pipeline.documents import TextLayer
from ocr_core.pipeline.result import ReadOptions
from service.engine.admission import Place
from service.engine.image_job import ImageJob, Reading
from service.engine.models.loaded import Loaded
from service.engine.models.trial import Evidence
from service.engine.serving import Serving
from service.engine.ticket import Ticket, client_gone
from service.errors import DeadlineExceededError, is_fault

Outcome = Reading | Exception
"""What an image gave."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a request asks for."""

    images: Sequence[bytes]
    """Files, as they were uploaded."""
    model: str | None
    """`name[@version]`; None: the model that answers by default."""
    options: ReadOptions
    pages: str | None = None
    """Which of each file, as `ocr_core.pages.selection` has it; None: all."""
    password: str | None = None
    text_layer: TextLayer = "auto"
    known: int = 0
    """So many pages of the first file were read before and are left out; then it must open, or all ends with why."""
    patient: bool = False
    """The first page waits for its place too, rather than being refused."""
    previews: bool = False
    """Whether pages of documents come with a picture of them; of images read on their own there is none."""
    caller: str
    """Who asks: what places are shared by."""
    gone: Callable[[], Awaitable[None]]
    """Returns when the client has left; cancelled when it no longer matters."""


async def read_images(order: Order, serving: Serving, ticket: Ticket) -> tuple[Bundle, list[Outcome]]:
    """Read the images of a request with one model and return which it was and what each image gave, in order.

    If a model on trial fails, all of them are read again by the one before it, so that no answer mixes two models.

    Raises:
        ModelNotServedError: the request names a model that is not loaded.
        OverloadedError: the images do not fit in, or deadlines would be missed with them; none was begun.
        DeadlineExceededError: the images cannot be read in time, by what is expected; none was begun.
        ClientGoneError: the client left; what had not begun will not begin.
    """
    model = serving.models.find(order.model)
    with model.lease():
        outlook = await to_thread.run_sync(_foresee, order, model, serving.settings.max_pixels)
        places = serving.admission.places(outlook)
        serving.scheduler.enter(ticket, sum(cost for _, cost in outlook))
        try:
            serving.scheduler.refuse_late(ticket)
            visit = _Visit(order, serving, ticket)
            outcomes = await visit.read_with(model, places)
            other = serving.models.second_opinion(model) if any(map(_is_fault, outcomes)) else None
            if other is None or ticket.over() or "@" in (order.model or ""):
                serving.models.record(model, _evidence(outcomes, (), ticket))
                return model.bundle, outcomes
            with other.lease():
                again = await visit.read_with(other, [])
                serving.models.record(model, _evidence(outcomes, again, ticket))
                return other.bundle, again
        finally:
            serving.scheduler.leave(ticket)
            for place in places:
                place.release()


class _Visit:
    """A request whose images were let in."""

    def __init__(self, order: Order, serving: Serving, ticket: Ticket) -> None:
        self._order = order
        self._serving = serving
        self._ticket = ticket

    async def read_with(self, model: Loaded, places: Sequence[Place]) -> list[Outcome]:
        """Read every image; those that the deadline overtakes give its error."""
        spare = itertools.chain(places, itertools.repeat(None))
        futures = [self._begin(data, model, place) for data, place in zip(self._order.images, spare, strict=False)]
        return await self._settle([asyncio.wrap_future(future) for future in futures])

    def _begin(self, data: bytes, model: Loaded, place: Place | None) -> Future[Reading]:
        job = ImageJob(
            data=data,
            options=self._order.options,
            max_pixels=self._serving.settings.max_pixels,
            model=model,
            scheduler=self._serving.scheduler,
            ticket=self._ticket,
        )
        model.acquire()

        def end(_: Future[Reading]) -> None:
            model.release()
            if place is not None:
                place.release()

        future = self._serving.workers.submit(self._ticket, job.run)
        future.add_done_callback(end)
        return future

    async def _settle(self, futures: Sequence[asyncio.Future[Reading]]) -> list[Outcome]:
        ticket = self._ticket
        finished = asyncio.gather(*futures, return_exceptions=True)
        gone = asyncio.ensure_future(self._order.gone())
        try:
            watched: set[asyncio.Future[Any]] = {finished, gone}
            await asyncio.wait(watched, timeout=ticket.remaining(), return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not finished.done():
                raise client_gone()
            return [outcome_of(future) for future in futures]
        finally:
            gone.cancel()
            if not finished.done():
                ticket.cancel()
                for future in futures:
                    future.cancel()


def _foresee(order: Order, model: Loaded, max_pixels: int) -> list[tuple[int, float]]:
    """Return for each image the pixels it will hold and its cost, as told by its header; none if it is not decoded."""

    def one(data: bytes) -> tuple[int, float]:
        try:
            header = images.probe(data)
        except ImageError:
            return 0, 0.0
        pixels = header.width * header.height
        if pixels > max_pixels:
            return 0, 0.0
        # What decodes WebP holds two canvases of its own.
        held = 2 * pixels if header.format == "WEBP" else pixels
        return held, model.stages.expected_cost(header.width, header.height, detect=order.options.detect)

    return [one(data) for data in order.images]


def outcome_of(future: asyncio.Future[Reading]) -> Outcome:
    """Return what a job gave; one that is not done has missed its deadline."""
    if not future.done():
        return DeadlineExceededError("the deadline has passed")
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    return error


def _evidence(outcomes: Sequence[Outcome], again: Sequence[Outcome], ticket: Ticket) -> Evidence:
    """Return what the outcomes say of the model that gave them, beside those of the version before, if it was asked."""
    late = any(isinstance(outcome, DeadlineExceededError) for outcome in outcomes)
    return Evidence(
        read=sum(isinstance(outcome, Reading) for outcome in outcomes),
        failed=sum(_is_fault(new) and isinstance(old, Reading) for new, old in zip(outcomes, again, strict=False)),
        late=late and ticket.taken > 0,
    )


def _is_fault(outcome: Outcome) -> bool:
    return isinstance(outcome, Exception) and is_fault(outcome)
