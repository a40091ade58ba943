"""Documents on their way: their pages let in one after the other, read side by side, given in order.

A thread of its own walks through the files of a request. It opens them, learns what each page will cost and hands it in
once it has a place; a few pages are under way at a time, and the next one is begun when the first of them was taken.
So a document takes as much memory at its end as at its beginning, and what others ask meanwhile gets past.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ocr_core.bundle.reader import Bundle
from ocr_core.pages.document import Document
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document
from ocr_core.pages.selection import select_pages
from ocr_core.pipeline.documents import needs_look, needs_reading
from service.engine.image_job import Reading
from service.engine.models.loaded import Loaded
from service.engine.models.trial import Evidence
from service.engine.page_job import PageJob
from service.engine.reading import Order, Outcome, outcome_of
from service.engine.serving import Serving
from service.engine.threads import in_thread
from service.engine.ticket import Ticket, client_gone
from service.errors import DeadlineExceededError, OverloadedError, is_fault
from service.settings import BYTES_PER_PIXEL

AHEAD = 2
"""Pages under way for each image that is worked on: one is read while another is drawn or waits to be sent."""
SHARE = 4
"""Of so many places for images a document takes one at most, however many images are worked on."""
NOTICE = 0.2
"""Seconds within which the thread of a document notices that nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of a request's files."""

    file: int
    """Index of the file."""
    number: int
    """Page within the file, from 1. A file that cannot be opened has one page, which failed."""
    outcome: Outcome


@asynccontextmanager
async def opened_pages(
    order: Order, serving: Serving, ticket: Ticket
) -> AsyncIterator[tuple[Bundle, AsyncIterator[Sheet]]]:
    """Read files page by page while this lasts; give the model and the pages, in order, each when it is done.

    A model on trial reads no documents: what was sent could not be read again by the one before it. Once this is left,
    nothing of the request is begun any more, and its processes have ended.

    Args:
        order: what is asked for.
        serving: the engine room.
        ticket: the deadline of the whole. Each page has one of its own within it.

    Raises:
        ModelNotServedError: the request names a model that is not loaded.
        OverloadedError: too many documents are read, or the first page does not fit in; on the way to it.
        ClientGoneError: the client left; on the way to a page.
    """
    model = serving.models.find(order.model)
    if "@" not in (order.model or ""):
        model = serving.models.second_opinion(model) or model
    with model.lease(), serving.admission.document(order.caller):
        walk = _Walk(order, serving, ticket, model)
        ended = asyncio.wrap_future(in_thread(partial(contextvars.copy_context().run, walk.run), "document"))
        gone = asyncio.ensure_future(order.gone())
        gone.add_done_callback(lambda _: ticket.cancel())  # also while the answer is written, after the last page
        try:
            yield model.bundle, walk.sheets(gone)
        finally:
            gone.cancel()
            ticket.cancel()
            walk.give_up()
            await asyncio.wait([ended])
            serving.models.record(model, walk.evidence())


@dataclass(frozen=True, slots=True)
class _Promise:
    """A page under way."""

    file: int
    number: int
    ticket: Ticket
    future: Future[Reading]


class _Walk:
    """Goes through the files of a request: `run` in a thread of its own, all else on the event loop."""

    def __init__(self, order: Order, serving: Serving, ticket: Ticket, model: Loaded) -> None:
        settings = serving.settings
        self._order = order
        self._serving = serving
        self._ticket = ticket
        self._model = model
        self._limits = Limits(pages=settings.max_pages, pixels=settings.max_pixels)
        ahead = min(AHEAD * serving.workers.slots, settings.max_queue_size // SHARE)
        self._ahead = max(1, ahead)
        self._room = threading.Semaphore(self._ahead)
        self._loop = asyncio.get_running_loop()
        self._promises: asyncio.Queue[_Promise | Exception | None] = asyncio.Queue()
        """At its end None, or why no more pages come."""
        self._changed = threading.Condition()
        self._pending: dict[Future[Reading], Ticket] = {}
        self._begun = order.patient
        self._read = 0
        self._late = False

    def run(self) -> None:
        """Hand in the pages of all files; blocks until they are done."""
        end: Exception | None = None
        try:
            for index, data in enumerate(self._order.images):
                self._walk_through(index, data)
        except Exception as error:
            end = _light(error)
        self._tell(end)

    async def sheets(self, gone: asyncio.Future[None]) -> AsyncIterator[Sheet]:
        """Give the pages in order; whoever takes the next one is done with the one before.

        Raises:
            OverloadedError: the first page does not fit in.
            ClientGoneError: `gone` was done first.
        """
        while (promise := await self._next(gone)) is not None:
            future = asyncio.wrap_future(promise.future)
            try:
                await _first_of(future, gone, promise.ticket.remaining())
                sheet = Sheet(promise.file, promise.number, outcome_of(future))
            finally:
                future.cancel()
            self._read += isinstance(sheet.outcome, Reading)
            self._late |= isinstance(sheet.outcome, DeadlineExceededError) and promise.ticket.taken > 0
            yield sheet
            del sheet, future, promise
            self._room.release()

    def give_up(self) -> None:
        """Take out of the line what has not begun."""
        with self._changed:
            futures = list(self._pending)
        for future in futures:
            future.cancel()

    def evidence(self) -> Evidence:
        """Return what was seen of the model."""
        return Evidence(read=self._read, failed=0, late=self._late)

    async def _next(self, gone: asyncio.Future[None]) -> _Promise | None:
        task = asyncio.ensure_future(self._promises.get())
        try:
            await _first_of(task, gone)
            found = task.result()
        finally:
            task.cancel()
        if not isinstance(found, Exception):
            return found
        try:
            raise found
        finally:
            del found, task  # the error's traceback holds this frame, which must not hold it

    def _walk_through(self, index: int, data: bytes) -> None:
        order, check = self._order, self._ticket.check
        look = needs_look(order.options, order.text_layer)
        known = 0 if index else order.known
        try:
            document = open_document(data, limits=self._limits, password=order.password, look=look, check=check)
        except Exception as error:
            if known:
                raise
            self._promise(index, 1, self._ticket, _failed(error))
            return
        with document:
            try:
                pages = select_pages(order.pages, len(document), self._limits.pages)
            except Exception as error:
                self._promise(index, 1, self._ticket, _failed(error))
                return
            for page in pages[known:]:
                self._hand_in(index, data, document, page)
            self._wait_for_all()

    def _hand_in(self, index: int, data: bytes, document: Document, page: int) -> None:
        self._make_room()
        ticket = self._ticket.part(self._serving.settings.page_timeout_seconds, among=self._ahead)
        try:
            future = self._begin(document, page, ticket, extra=0 if document.format == "PDF" else len(data))
        except Exception as error:
            if isinstance(error, OverloadedError) and not self._begun:
                raise
            future = _failed(error)
        self._begun = True
        self._tell(_Promise(index, page + 1, ticket, future))

    def _begin(self, document: Document, page: int, ticket: Ticket, *, extra: int) -> Future[Reading]:
        """Let in a page. `extra` are bytes that it takes beside its pixels: a picture of a TIFF is a file with it."""
        order, serving, model = self._order, self._serving, self._model
        serving.scheduler.require_going()  # before the page is looked at, which may take seconds
        source = document.page(page, check=ticket.check)
        pixels, cost = 0, 0.0
        reading = needs_reading(source, order.options, order.text_layer)
        if reading or order.previews:
            pixels = min(source.width * source.height, self._limits.pixels)
        if reading:
            cost = model.stages.expected_cost(source.width, source.height, detect=order.options.detect)
        check = ticket.check if self._begun else None  # the first page is refused as an image is
        place = serving.admission.page(pixels * BYTES_PER_PIXEL + extra, check)
        serving.scheduler.enter(ticket, cost)
        model.acquire()

        def leave() -> None:
            serving.scheduler.leave(ticket)
            model.release()
            place.release()

        try:
            if not self._begun:
                serving.scheduler.refuse_late(ticket)
            job = PageJob(
                source=source,
                options=order.options,
                text_layer=order.text_layer,
                preview=order.previews,
                model=model,
                scheduler=serving.scheduler,
                ticket=ticket,
            )
            future = serving.workers.submit(ticket, job.run)
        except BaseException:
            leave()
            raise
        with self._changed:
            self._pending[future] = ticket
        future.add_done_callback(partial(self._end, leave))
        return future

    def _end(self, leave: Callable[[], None], future: Future[Reading]) -> None:
        leave()
        with self._changed:
            del self._pending[future]
            self._changed.notify_all()

    def _promise(self, index: int, number: int, ticket: Ticket, future: Future[Reading]) -> None:
        self._make_room()
        self._tell(_Promise(index, number, ticket, future))

    def _tell(self, promise: _Promise | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self._promises.put_nowait, promise)

    def _make_room(self) -> None:
        """Wait until few pages are under way.

        Raises:
            ServiceError: the request was given up. Pages that its deadline overtakes are told of as any that fail.
        """
        while not self._room.acquire(timeout=NOTICE):
            self._ticket.require_wanted()
        self._ticket.require_wanted()

    def _wait_for_all(self) -> None:
        """Wait for the pages of a file, except for those that hang beyond their deadlines."""
        with self._changed:
            while any(ticket.over() is None for ticket in self._pending.values()):
                self._changed.wait(NOTICE)


def _failed(error: Exception) -> Future[Reading]:
    future: Future[Reading] = Future()
    future.set_exception(_light(error))
    return future


def _light(error: Exception) -> Exception:
    """Return an error without the frames that it passed, which hold the upload, unless they tell of a fault."""
    return error if is_fault(error) else error.with_traceback(None)


async def _first_of(wanted: asyncio.Future[Any], gone: asyncio.Future[None], timeout: float | None = None) -> None:
    """Wait until `wanted` is done or the time is over.

    Raises:
        ClientGoneError: the client left before.
    """
    await asyncio.wait({wanted, gone}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    if gone.done() and not wanted.done():
        raise client_gone()
