"""What tests of the store of jobs put into it."""

from __future__ import annotations

from service.jobs.job import Job, PageRow
from service.jobs.jobs import Submission, _new_job
from service.jobs.store import JobStore


def a_job(number: int = 0, *, caller: str = "a", key: str | None = None) -> Job:
    submission = Submission(owner="", caller=caller, names=["1.png"], files=[b""], fields={}, idempotency_key=key)
    return _new_job(submission, "0" * 64, 1000.0 + number)


def queued(store: JobStore, *jobs: Job) -> None:
    for job in jobs:
        assert store.reserve(job, 100) is job
        assert store.accept(job.id, 2e9)


def page(position: int, problem: str | None = None) -> PageRow:
    return PageRow(position=position, file=0, page=position + 1, name=f"page-{position}", problem=problem)
