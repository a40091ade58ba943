"""One job, worked on: from the page where it stands to its last one, each kept as it is read."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ocr_core.bundle.reader import Bundle
from ocr_core.errors import DamagedDocumentError, ImageError
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document
from ocr_core.pages.selection import select_pages
from ocr_core.pipeline.result import ReadOptions
from service.engine.documents import Sheet, opened_pages
from service.engine.image_job import Reading
from service.engine.reading import Order, Outcome
from service.engine.serving import Serving
from service.engine.threads import wait_in_thread
from service.engine.ticket import Ticket, client_gone
from service.errors import (
    ClientGoneError,
    DeadlineExceededError,
    JobAbandonedError,
    JobFilesLostError,
    JobStoreError,
    NoImageReadError,
    NotReadyError,
    OverloadedError,
    is_fault,
)
from service.jobs.files import JobFiles
from service.jobs.job import Job, PageRow, State
from service.jobs.pages import dump_page
from service.jobs.store import JobStore, LeaseLostError
from service.observe.metrics import Metrics

log = logging.getLogger(__name__)

Describe = Callable[[Exception], dict[str, Any]]
"""What a client may know of an error, as a problem document."""

TRIES = 3
"""Attempts at a page that fails by something that may pass: a deadline, an engine, a file that is away."""
DEATHS = 5
"""Workers that may die in a row on the same page before the job is given up: the page may be what kills them."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds before the next attempt, doubled each time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What jobs are worked on with."""

    serving: Serving
    store: JobStore
    files: JobFiles
    metrics: Metrics
    describe: Describe
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""


class _AgainError(Exception):
    """Something failed that may pass, or the job is not what it was taken for."""


class _Uploads(Sequence[bytes]):
    """The files of a job from one on, each fetched when its turn has come; one at a time is in memory."""

    def __init__(self, files: JobFiles, job: Job, first: int = 0) -> None:
        self._files = files
        self._job = job.id
        self._indices = range(first, len(job.names))

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        return self._files.upload(self._job, self._indices[index])


class Run:
    """A job that this process works on.

    Args:
        job: as it was taken.
        tools: what it is worked on with.
    """

    def __init__(self, job: Job, tools: Tools) -> None:
        assert job.lease is not None
        self.job = job
        self.lease: str = job.lease
        self.stopped = asyncio.Event()
        """Set to make it stop: it is no longer wanted here."""
        self._tools = tools
        self._settings = tools.serving.settings
        self._since = time.monotonic()
        self._failures = 0
        """Attempts at the next page that failed."""
        self._pause = FIRST_PAUSE

    async def work(self) -> None:
        """Read until the job has ended, or is no longer had or wanted."""
        try:
            if self.job.tries > DEATHS:
                raise JobAbandonedError(f"its worker died {DEATHS} times in a row on page {self.job.position + 1}")
            while not self.stopped.is_set() and not await self._passed(self._attempt):
                pass
        except (LeaseLostError, ClientGoneError):
            log.info("a job was left", extra={"job": self.job.id})
            with suppress(JobStoreError):
                await wait_in_thread(self._tidy, "job")
        except Exception as error:
            await self._end("failed", error)

    def spent(self) -> float:
        """Return the seconds of work since this was asked last."""
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        return seconds

    def _tidy(self) -> None:
        """Remove what was written of a job that was removed meanwhile. Blocks."""
        if self._tools.store.find(self.job.id) is None:
            self._tools.files.remove(self.job.id)

    async def _passed(self, attempt: Callable[[], Awaitable[None]]) -> bool:
        """Attempt something and return True; where it may go better later, wait and return False."""
        try:
            await attempt()
        except (JobStoreError, OverloadedError, NotReadyError) as error:
            await self._wait(error)
        except (JobFilesLostError, _AgainError) as error:
            self._failures += 1
            if self._failures > TRIES:
                raise JobAbandonedError(str(error)) from error
            await self._wait(error)
        else:
            return True
        return False

    async def _attempt(self) -> None:
        self.job = await self._look_again()
        if self.job.worked >= self._settings.jobs_timeout_seconds:  # also where its files cannot be had all the while
            raise DeadlineExceededError("the job took longer than jobs may")
        counts = self.job.pages
        if counts is None:
            counts = await wait_in_thread(self._count, "count")
        first, known = _place(counts, self.job.position)
        if first < len(counts):
            await self._read(counts, first, known)
        await self._end_read()

    async def _look_again(self) -> Job:
        job = await wait_in_thread(lambda: self._tools.store.find(self.job.id), "job")
        if job is None or job.lease != self.lease or job.state != "running":
            raise LeaseLostError("the job is worked on by another, or no longer wanted")
        return job

    async def _read(self, counts: Sequence[int], first: int, known: int) -> None:
        order = self._order(first, known)
        left = self._settings.jobs_timeout_seconds - self.job.worked
        ticket = Ticket(time.monotonic() + max(0.0, left), share=self._settings.jobs_share)
        async with opened_pages(order, self._tools.serving, ticket) as (bundle, sheets):
            await self._begin(bundle, counts)
            async for sheet in sheets:
                if ticket.over() is not None:
                    raise DeadlineExceededError("the job took longer than jobs may")
                self._require_final(sheet.outcome)
                await self._keep(first + sheet.file, sheet)
                del sheet

    def _order(self, first: int, known: int) -> Order:
        """Return what `engine.documents` reads: the files from `first` on, without the pages that are known of it."""
        chosen = self.job.choices
        return Order(
            images=_Uploads(self._tools.files, self.job, first),
            model=chosen["model"],
            # With words, so that every format can be made of them.
            options=ReadOptions(
                detect=chosen["detect"],
                min_confidence=chosen["min_confidence"],
                words=True,
                language=chosen["language"],
            ),
            pages=chosen["pages"],
            password=chosen["password"],
            text_layer=chosen["text_layer"],
            known=known,
            patient=True,
            caller="jobs",
            gone=self._gone,
        )

    async def _gone(self) -> None:
        await self.stopped.wait()

    def _count(self) -> list[int]:
        """Return the pages that each file gives; one that cannot be opened gives one, which failed. Blocks."""
        order = self._order(0, 0)
        limits = Limits(pages=self._settings.max_pages, pixels=self._settings.max_pixels)

        def count(data: bytes) -> int:
            try:
                with open_document(
                    data, limits=limits, password=order.password, look=False, check=self._check
                ) as document:
                    return len(select_pages(order.pages, len(document), limits.pages))
            except ImageError:
                return 1

        return [count(data) for data in order.images]

    def _check(self) -> None:
        if self.stopped.is_set():
            raise client_gone()

    async def _begin(self, bundle: Bundle, counts: Sequence[int]) -> None:
        """Note what is read by which model; what another one has read is read again, so that no job mixes two."""
        job = self.job
        model = {"name": bundle.manifest.name, "version": bundle.manifest.version, "digest": bundle.digest}
        anew = job.position > 0 and job.model is not None and json.loads(job.model) != model
        if not anew and job.pages is not None and job.model is not None:
            return
        await wait_in_thread(
            lambda: self._tools.store.begin(job.id, self.lease, counts=counts, model=model, anew=anew), "job"
        )
        if anew:
            raise _AgainError(f"another model reads it, from its first page on: {bundle.ref}")
        self.job = replace(job, counts=json.dumps(list(counts)), model=json.dumps(model))

    def _require_final(self, outcome: Outcome) -> None:
        """Raise what keeps a page from being read now, but may not later."""
        if isinstance(outcome, (NotReadyError, OverloadedError, ClientGoneError)):
            raise outcome
        late = isinstance(outcome, DeadlineExceededError)
        if isinstance(outcome, Exception) and (late or is_fault(outcome)) and self._failures < TRIES - 1:
            raise _AgainError(f"a page failed: {type(outcome).__name__}: {outcome}")

    async def _keep(self, file: int, sheet: Sheet) -> None:
        """Keep a page, and then note it: what is noted is there."""
        job, tools, outcome = self.job, self._tools, sheet.outcome
        if job.position >= (job.pages_total or 0):
            raise DamagedDocumentError("the file has more pages than it had before")

        def keep() -> None:
            name = problem = None
            if isinstance(outcome, Reading):
                name = tools.files.put_page(job.id, job.position, dump_page(outcome))
            else:
                problem = json.dumps(tools.describe(outcome))
            row = PageRow(position=job.position, file=file, page=sheet.number, name=name, problem=problem)
            tools.store.add_page(job.id, self.lease, row, self.spent())

        await wait_in_thread(keep, "job")
        self._failures, self._pause = 0, FIRST_PAUSE
        if isinstance(outcome, Reading):
            tools.metrics.observe_page(outcome.page, outcome.seconds)
            self.job = replace(job, pages_done=job.pages_done + 1)
        else:
            if is_fault(outcome):
                log.error("a page of a job could not be read", extra={"job": job.id}, exc_info=outcome)
            self.job = replace(job, pages_failed=job.pages_failed + 1)
        tools.metrics.job_pages.labels("read" if isinstance(outcome, Reading) else "failed").inc()

    async def _end_read(self) -> None:
        """End a job of which no page is left."""
        job = self.job
        if job.position < (job.pages_total or 0):
            raise _AgainError("there are fewer pages than were counted")
        if job.pages_done:
            await self._end("succeeded")
        elif job.pages_failed == 1:
            failed = await wait_in_thread(lambda: self._tools.store.pages(job.id, 0, 1), "job")
            await self._end("failed", problem=failed[0].problem)
        else:
            await self._end("failed", NoImageReadError([{}] * job.pages_failed))

    async def _end(self, state: State, error: Exception | None = None, *, problem: str | None = None) -> None:
        """End the job; tries for as long as the store cannot be reached."""
        tools, job = self._tools, self.job
        if error is not None:
            problem = json.dumps(tools.describe(error))
            if is_fault(error):
                log.error("a job failed", extra={"job": job.id}, exc_info=error)
        now = tools.clock()
        expires = now + self._settings.jobs_keep_seconds

        async def end() -> None:
            await wait_in_thread(
                lambda: tools.store.end(job.id, self.lease, state=state, problem=problem, now=now, expires=expires),
                "job",
            )
            tools.metrics.jobs_ended.labels(state).inc()
            log.info("a job ended", extra={"job": job.id, "state": state, "pages": job.position})

        with suppress(LeaseLostError):
            while not self.stopped.is_set() and not await self._passed(end):
                pass

    async def _wait(self, error: Exception) -> None:
        """Wait for better times, longer each time, unless the job is stopped."""
        log.warning("a job waits: %s", error, extra={"job": self.job.id, "seconds": self._pause})
        await wait_for_event(self.stopped, self._pause)
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)


async def wait_for_event(event: asyncio.Event, seconds: float) -> None:
    """Wait until something happens, for so long at most; `asyncio.wait_for` would lose a cancellation beside it."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([waiting], timeout=seconds)
    finally:
        waiting.cancel()


def _place(counts: Sequence[int], position: int) -> tuple[int, int]:
    """Return the file in which a page stands, and its index there, given the index among the pages of all files."""
    for file, count in enumerate(counts):
        if position < count:
            return file, position
        position -= count
    return len(counts), 0
