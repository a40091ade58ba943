"""Pages as they are sent: in the form that was asked for, as they come where the form allows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from http import HTTPStatus

import anyio
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from ocr_core.child.process import Check
from ocr_core.errors import OcrError
from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.registry import FORMATS
from ocr_core.pipeline import result
from service.engine.admission import Admission
from service.engine.documents import Sheet
from service.engine.image_job import Reading
from service.engine.reading import Outcome
from service.errors import ClientGoneError, NoImageReadError
from service.http.accept import MEDIA_TYPES
from service.http.context import Context
from service.http.exchange import Exchange
from service.http.problems import problem_of, report, result_of
from service.http.schemas import Model, OcrResponse, Page, StreamEnd
from service.http.uploads import Received

STALLED_SECONDS = 30.0
"""A client that takes nothing of its answer for so long has left, as far as anybody can tell."""
AT_ONCE = 1 << 18
"""Bytes of a whole answer of which a client must take as many in that time: who reads 10 kB a second gets it."""
_LEFT = "the client left before the end of its answer"


class Answer:
    """What is sent of the pages of one request, and what is noted of them on the way.

    Args:
        form: a key of `MEDIA_TYPES`.
        received: the request.
        model: which one reads.
        context, exchange: the application and the request.
        wanted: raises once nobody waits for the answer.
    """

    def __init__(
        self, form: str, received: Received, model: Model, context: Context, exchange: Exchange, wanted: Check
    ) -> None:
        self.media_type = MEDIA_TYPES[form]
        self._form = form
        self._received = received
        self._model = model
        self._context = context
        self._exchange = exchange
        self._wanted = wanted
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._pages = self._failed = self._lines = 0
        self._text: list[str] = []
        self.timings: dict[str, float] = {}
        """Milliseconds a stage, summed over the pages, and in `total` from the request's first byte to its answer."""
        self.names = [upload.name for upload in received.uploads]
        """Of the files."""
        exchange.model_digest = model.digest

    async def pieces(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        """Give the body, in pieces of which none is empty; the first one once a page was read.

        Raises:
            Exception: before the first piece: what stands for the errors of all pages, if none could be read.
        """
        async for piece in self.write(self._noted(sheets)):
            if piece:
                yield piece
        self._exchange.facts.update(lines=self._lines, timings_ms=self.timings or self._timed())
        if self._context.settings.log_text:
            self._exchange.facts["text"] = self._text

    def write(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        """Write pages down, of which at least one was read."""
        writers = {"json": self._as_json, "ndjson": self._as_lines}
        return writers.get(self._form, self._as_file)(sheets)

    def total(self) -> float:
        """Return the seconds that all of it took."""
        return self._exchange.elapsed()

    def observe(self, outcome: Outcome) -> None:
        """Count a page among those that this process was asked for."""
        metrics = self._context.metrics
        if isinstance(outcome, Reading):
            metrics.images.labels("read").inc()
            metrics.observe_page(outcome.page, outcome.seconds)
        else:
            metrics.images.labels(result_of(problem_of(outcome).status)).inc()

    def _timed(self) -> dict[str, float]:
        seconds = {**self._seconds, "total": self.total()}
        self.timings = {stage: round(value * 1000, 2) for stage, value in seconds.items()}
        return self.timings

    async def _as_json(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        # Page by page as well: those of a long document together may take gigabytes.
        before = start = b'{"pages":['
        async for sheet in sheets:
            yield before + await run_in_threadpool(self._dumped, sheet)
            before = b","
        end = OcrResponse(pages=[], timings_ms=self._timed(), model=self._model)
        yield end.model_dump_json(exclude_none=True).encode().removeprefix(start)

    async def _as_lines(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        async for sheet in sheets:
            yield await run_in_threadpool(self._dumped, sheet) + b"\n"
        end = StreamEnd(pages=self._pages, failed=self._failed, timings_ms=self._timed(), model=self._model)
        yield end.model_dump_json().encode() + b"\n"

    async def _as_file(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        writer = FORMATS[self._form].new_writer(self._wanted)
        password = self._received.fields.password
        originals = [
            Original(name=upload.name, data=upload.data, password=password) for upload in self._received.uploads
        ]
        async for sheet in sheets:
            outcome = sheet.outcome
            if isinstance(outcome, Reading):
                page: result.Page | FailedPage = outcome.page
            else:
                page = FailedPage(number=sheet.number, reason=problem_of(outcome).detail)
            # In a thread: a page takes milliseconds to be laid out, and a PDF of many pages seconds to be written.
            yield await run_in_threadpool(writer.page, originals[sheet.file], page)
        rest = writer.end()
        while (piece := await run_in_threadpool(next, rest, None)) is not None:
            yield piece

    async def _noted(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[Sheet]:
        """Give the pages once one was read, and take note of each.

        Raises:
            Exception: none could be read.
        """
        failed: list[Sheet] = []
        async for sheet in sheets:
            self._note(sheet)
            if isinstance(sheet.outcome, Exception) and self._pages == self._failed:
                failed.append(sheet)
                continue
            for known in (*failed, sheet):
                if isinstance(known.outcome, Exception):
                    report(known.outcome)
                yield known
            failed.clear()
        if failed:
            try:
                raise self._failure(failed)
            finally:
                del failed, sheet  # the error's traceback holds this frame, which must not hold it

    def _note(self, sheet: Sheet) -> None:
        outcome = sheet.outcome
        self._pages += 1
        self.observe(outcome)
        if isinstance(outcome, Reading):
            for stage, value in outcome.seconds.items():
                self._seconds[stage] += value
            self._lines += len(outcome.page.lines)
            if self._context.settings.log_text:
                self._text += [line.text for line in outcome.page.lines]
        else:
            self._failed += 1
        self._exchange.facts.update(images=self._pages, failed=self._failed)

    def _dumped(self, sheet: Sheet) -> bytes:
        """Return a page as JSON; off the event loop, since one of fifty thousand words takes seconds."""
        return self._page(sheet).model_dump_json(exclude_none=True).encode()

    def _page(self, sheet: Sheet) -> Page:
        name = self._received.uploads[sheet.file].name
        if isinstance(sheet.outcome, Reading):
            return Page.of(name, sheet.outcome.page, sheet.outcome.preview)
        return Page(file=name, page=sheet.number, error=problem_of(sheet.outcome))

    def _failure(self, sheets: Sequence[Sheet]) -> Exception:
        """Return the one error that stands for all: the service's own fault first, never blamed on the files."""
        errors = [sheet.outcome for sheet in sheets if isinstance(sheet.outcome, Exception)]
        if len(errors) == 1:
            return errors[0]
        ours = next((error for error in errors if problem_of(error).status >= HTTPStatus.INTERNAL_SERVER_ERROR), None)
        pages = [self._page(sheet).model_dump(exclude_none=True, exclude={"lines"}) for sheet in sheets]
        return ours or NoImageReadError(pages)


class WholeAnswer(Response):
    """An answer that was made before it is sent, and has no place inside any more, however slowly it is read.

    Args:
        body: all of it.
        answer: what it is.
        admission: counts its memory. Where that is full it is sent within `STALLED_SECONDS`, or not at all.
        exchange: told if it was not sent to its end.
    """

    def __init__(self, body: bytes, answer: Answer, admission: Admission, exchange: Exchange) -> None:
        timing = ", ".join(f"{stage};dur={milliseconds}" for stage, milliseconds in answer.timings.items())
        super().__init__(body, headers={"Server-Timing": timing}, media_type=answer.media_type)
        self._admission = admission
        self._exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it, in pieces: of one that is handed over at once nobody sees whether the client takes any."""
        body, size = self.body, len(self.body)
        with self._admission.answer(size) as patient:
            try:
                with anyio.fail_after(None if patient else STALLED_SECONDS):
                    head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                    await _deliver(send, head)
                    for begin in range(0, max(size, 1), AT_ONCE):
                        end = begin + AT_ONCE
                        piece = {"type": "http.response.body", "body": body[begin:end], "more_body": end < size}
                        await _deliver(send, piece)
            except (TimeoutError, ClientGoneError) as error:
                gone = error if isinstance(error, ClientGoneError) else ClientGoneError(_LEFT)
                self._exchange.status = problem_of(gone).status
                self._exchange.error = gone


class PageStream(StreamingResponse):
    """An answer that is sent while it is made.

    Args:
        first: its first piece.
        rest: the others.
        stack: what is let go of at the end, whatever that is.
        answer: what it is.
        exchange: told why it ended before its end, if it did.
    """

    def __init__(
        self, first: bytes, rest: AsyncIterator[bytes], stack: AsyncExitStack, answer: Answer, exchange: Exchange
    ) -> None:
        # Proxies that collect answers before they hand them on are asked not to: nginx knows this header.
        super().__init__(rest, media_type=answer.media_type, headers={"X-Accel-Buffering": "no"})
        self._first = first
        self._rest = rest
        self._stack = stack
        self._exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it. If the client leaves, or the rest cannot be had, it ends there and then, without its last chunk."""
        async with self._stack:
            try:
                head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                await _deliver(send, head)
                await _deliver(send, {"type": "http.response.body", "body": self._first, "more_body": True})
                async for piece in self._rest:
                    await _deliver(send, {"type": "http.response.body", "body": piece, "more_body": True})
                await _deliver(send, {"type": "http.response.body", "body": b""})
            except OcrError as error:
                # Its status was sent; logs and metrics tell what it would have been.
                report(error)
                self._exchange.status = problem_of(error).status
                self._exchange.error = error


async def _deliver(send: Send, message: Message) -> None:
    try:
        with anyio.fail_after(STALLED_SECONDS):
            await send(message)
    except (TimeoutError, OSError):
        raise ClientGoneError(_LEFT) from None
