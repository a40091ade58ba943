"""The result of a job: pages that were kept, in the form that is asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from ocr_core.child.process import Check
from ocr_core.formats.registry import FORMATS
from service.engine.documents import Sheet
from service.engine.reading import Outcome
from service.errors import JobFilesLostError, NoResultError
from service.http.answers import Answer
from service.http.context import Context
from service.http.exchange import Exchange
from service.http.job_schemas import JobFields, understood
from service.http.problems import KnownProblemError, Problem
from service.http.schemas import Model
from service.http.uploads import Received, Upload
from service.jobs.job import ENDED, Job, PageRow
from service.jobs.jobs import Jobs
from service.jobs.pages import load_page

ROWS = 50
"""Pages that are looked up at a time."""


class JobAnswer(Answer):
    """An `Answer` of pages that were read before, and counted then."""

    def __init__(
        self, form: str, received: Received, job: Job, context: Context, exchange: Exchange, wanted: Check
    ) -> None:
        with understood(job):
            model = Model.model_validate_json(job.model or "{}")
        super().__init__(form, received, model, context, exchange, wanted)
        self._job = job

    def total(self) -> float:
        """Return the seconds for which the job was worked on."""
        return self._job.worked

    def observe(self, outcome: Outcome) -> None:
        """Count nothing."""

    async def _as_lines(self, sheets: AsyncIterator[Sheet]) -> AsyncIterator[bytes]:
        async for piece in super()._as_lines(sheets):
            # The line that says that all have come is that of a job that has ended.
            if self._job.state in ENDED or not piece.startswith(b'{"done":'):
                yield piece


async def received_of(job: Job, jobs: Jobs, *, whole: bool) -> Received:
    """Return what a job was sent; `whole`: with the files themselves."""
    with understood(job):
        fields, names = JobFields.model_validate_json(job.fields), list(job.names)
    files = await jobs.uploads(job) if whole else [b""] * len(names)
    uploads = tuple(Upload(name, data) for name, data in zip(names, files, strict=True))
    return Received(uploads, fields)


def require_pages(job: Job) -> None:
    """Raise unless a page was read.

    Raises:
        NoResultError: none was yet.
        KnownProblemError: none could be.
    """
    if job.pages_done:
        return
    if job.problem is not None:
        with understood(job):
            problem = Problem.model_validate_json(job.problem)
        raise KnownProblemError(problem)
    raise NoResultError(f"no page was read yet; the job is {job.state}")


async def kept_sheets(job: Job, form: str, jobs: Jobs) -> AsyncIterator[Sheet]:
    """Give the pages of a job that were over when it was looked at, in order, one at a time in memory."""
    with understood(job):
        words = bool(job.choices["words"]) or (form in FORMATS and FORMATS[form].words)
    position = 0
    while position < job.position:
        count = min(ROWS, job.position - position)
        rows = await jobs.pages(job, position, count)
        if len(rows) < count:  # or what came of it would look whole
            raise JobFilesLostError("the job was removed, or begun anew, while its result was sent")
        for row in rows:
            yield Sheet(row.file, row.page, await _outcome(job, row, jobs, words=words))
        position += ROWS


async def _outcome(job: Job, row: PageRow, jobs: Jobs, *, words: bool) -> Outcome:
    if row.name is None:
        with understood(job):
            return KnownProblemError(Problem.model_validate(json.loads(row.problem or "{}")))
    return await run_in_threadpool(load_page, await jobs.page(job, row.name), words=words)
