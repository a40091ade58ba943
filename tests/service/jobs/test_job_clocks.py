"""Jobs while the clock of the machine is set."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from job_clients import MANY, HeldAt, ServeJobs, ended, job_when, submit, widths
from service_fakes import PATIENCE, encoded, parts

from service.jobs.files import JobFiles
from service.jobs.job import Job
from service.jobs.jobs import Jobs
from service.jobs.store import JobStore

pytestmark = pytest.mark.anyio
DAY = 86_400.0


class Clock:
    """The time of the machine, and what it is wrong by."""

    def __init__(self) -> None:
        self.wrong = 0.0

    def __call__(self) -> float:
        return time.time() + self.wrong


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setitem(Jobs.__init__.__kwdefaults__, "clock", made)
    monkeypatch.setattr("service.jobs.jobs.SWEEP", 0.02)
    return made


@pytest.mark.parametrize("days", [-2, 2])
async def test_jobs_that_wait_and_run_lose_nothing_when_the_clock_is_set(
    serve_jobs: ServeJobs, clock: Clock, days: int
) -> None:
    reader = HeldAt(42)
    async with serve_jobs(reader, jobs_concurrent=1) as client:
        running, waiting = await submit(client), await submit(client, MANY)
        await job_when(client, running, lambda job: job["pages_done"] == 2)
        clock.wrong = days * DAY
        later = await submit(client, parts(encoded(width=60)))
        await asyncio.sleep(0.1)  # it is swept meanwhile
        listed = [job["id"] for job in (await client.get("/v1/jobs")).json()["jobs"]]
        assert sorted(listed) == sorted([running, waiting, later])
        reader.release()
        for job, pages in ((running, 6), (waiting, 6), (later, 1)):
            status = await ended(client, job)
            assert (status["state"], status["pages_done"]) == ("succeeded", pages)
        assert widths(await client.get(f"/v1/jobs/{running}/result")) == [40, 41, 42, 43, 44, 45]
        assert "ocr_jobs_taken_over_total 0.0" in (await client.get("/metrics")).text


async def test_a_job_that_is_accepted_while_it_is_swept_is_kept(
    serve_jobs: ServeJobs, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The clock is set ahead while its files are written, and they are there just when it is found to have expired."""
    put, expired = JobFiles.put_uploads, JobStore.expired
    found, accepted = threading.Event(), threading.Event()

    def put_slowly(files: JobFiles, job: str, uploads: Sequence[bytes]) -> None:
        put(files, job, uploads)
        clock.wrong = DAY
        assert found.wait(PATIENCE)

    def look_slowly(store: JobStore, now: float, limit: int) -> list[Job]:
        jobs = expired(store, now, limit)
        if jobs and not found.is_set():
            found.set()
            assert accepted.wait(PATIENCE)
        return jobs

    monkeypatch.setattr(JobFiles, "put_uploads", put_slowly)
    monkeypatch.setattr(JobStore, "expired", look_slowly)
    async with serve_jobs() as client:
        job = await submit(client)
        accepted.set()
        assert (await ended(client, job))["pages_done"] == 6
        await asyncio.sleep(0.1)
        assert (tmp_path / "jobs" / "files" / job).exists()
