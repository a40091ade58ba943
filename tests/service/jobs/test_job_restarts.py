"""Jobs whose worker, service or model is no longer there."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from job_clients import MANY, HeldAt, ServeJobs, ended, job_when, submit, widths
from service_fakes import PATIENCE, FakeReader

from service.errors import JobStoreError
from service.jobs import worker
from service.jobs.files import JobFiles

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave behind what hangs, as it does in these tests, when a service ends."""
    monkeypatch.setattr("service.engine.serving.JOIN_SECONDS", 0.05)


async def test_a_job_goes_on_from_its_last_page_after_a_restart(serve_jobs: ServeJobs) -> None:
    before = HeldAt(43)
    async with serve_jobs(before) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 3)
    after = HeldAt(0)
    async with serve_jobs(after) as client:
        status = await ended(client, job)
        assert (status["state"], status["pages_done"]) == ("succeeded", 6)
        assert widths(await client.get(f"/v1/jobs/{job}/result")) == [40, 41, 42, 43, 44, 45]
    before.release()
    assert sorted(after.widths) == [43, 44, 45]


async def test_a_job_is_taken_over_from_a_worker_that_died(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LEASE", 0.5)
    dead = HeldAt(43)
    async with serve_jobs(dead) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 3)
        # From here on it gives no sign of life, as a process that was killed.
        monkeypatch.setattr(worker, "BEAT", 1e9)
        living = HeldAt(0)
        async with serve_jobs(living) as other:
            status = await ended(other, job)
            assert (status["state"], status["pages_done"]) == ("succeeded", 6)
            assert widths(await other.get(f"/v1/jobs/{job}/result")) == [40, 41, 42, 43, 44, 45]
        assert sorted(living.widths) == [43, 44, 45]
        dead.release()  # what it has read by now is of no use, and does no harm
        assert widths(await client.get(f"/v1/jobs/{job}/result")) == [40, 41, 42, 43, 44, 45]
        assert "ocr_jobs_taken_over_total 0.0" in (await client.get("/metrics")).text


async def test_another_model_begins_anew(serve_jobs: ServeJobs) -> None:
    before = HeldAt(43)
    async with serve_jobs(before) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 3)
    async with serve_jobs(FakeReader(version="2")) as client:
        await ended(client, job)
        answer = await client.get(f"/v1/jobs/{job}/result")
        assert answer.json()["model"]["version"] == "2"
        assert widths(answer) == [40, 41, 42, 43, 44, 45]
    before.release()


async def test_a_page_that_kills_its_workers_ends_the_job(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.run.DEATHS", 0)
    monkeypatch.setattr(worker, "LEASE", 0.2)
    dead = HeldAt(43)
    async with serve_jobs(dead) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 3)
        monkeypatch.setattr(worker, "BEAT", 1e9)
        async with serve_jobs() as other:
            status = await ended(other, job)
            assert (status["state"], status["pages_done"]) == ("failed", 3)
            assert status["error"]["code"] == "job_abandoned"
            assert widths(await other.get(f"/v1/jobs/{job}/result")) == [40, 41, 42]
        dead.release()


async def test_a_job_that_has_expired_goes_with_all_its_files(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("service.jobs.jobs.SWEEP", 0.05)
    files = tmp_path / "jobs" / "files"
    async with serve_jobs(jobs_keep_seconds=0.4) as client:
        good, bad = await submit(client), await submit(client, {"file": b"no image"})
        await job_when(client, good, lambda job: job["state"] == "succeeded")
        while files.exists() and list(files.iterdir()):
            assert (await client.get(f"/v1/jobs/{bad}")).status_code in (200, 404)
            await asyncio.sleep(0.01)
        for job in (good, bad):
            assert (await client.get(f"/v1/jobs/{job}")).status_code == 404
        assert (await client.get("/v1/jobs")).json()["jobs"] == []
    async with serve_jobs() as client:
        assert await submit(client, MANY) != good


async def test_what_cannot_be_removed_keeps_nothing_else(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("service.jobs.jobs.EXPIRED", 2)  # and more expire than are removed at a time
    remove = JobFiles.remove

    def refuse(files: JobFiles, job: str) -> None:
        if job == first:
            raise JobStoreError("not permitted")
        remove(files, job)

    async with serve_jobs() as client:
        first, *others = [await submit(client) for _ in range(6)]
        for job in (first, *others):
            await ended(client, job)
    monkeypatch.setattr(JobFiles, "remove", refuse)
    with sqlite3.connect(tmp_path / "jobs" / "jobs.db") as connection:
        connection.execute("UPDATE ocr_jobs SET expires = CASE id WHEN ? THEN 1 ELSE 2 END", [first])
    files = tmp_path / "jobs" / "files"
    async with serve_jobs():
        end = time.monotonic() + PATIENCE
        while [path.name for path in files.iterdir()] != [first]:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)


async def test_nothing_is_left_of_a_job_that_is_removed_while_a_page_is_read(
    serve_jobs: ServeJobs, tmp_path: Path
) -> None:
    reader = HeldAt(43)
    async with serve_jobs(reader) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 3)
        assert (await client.delete(f"/v1/jobs/{job}")).status_code == 200
        assert (await client.delete(f"/v1/jobs/{job}")).status_code == 204
        reader.release()
        await ended(client, await submit(client, {"file": b"no image"}))
        assert not (tmp_path / "jobs" / "files" / job).exists()
