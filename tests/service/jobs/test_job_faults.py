"""Jobs while their store fails. `benchmarks.job_faults` does the same to real disks, servers and clocks."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from pathlib import Path

import httpx
import pytest
from job_clients import MANY, HeldAt, ServeJobs, ended, job_when, submit, widths
from service_fakes import FakeReader
from service_sockets import listening

from benchmarks.postgres import Postgres
from ocr_core.errors import BackendError
from service.errors import JobStoreError
from service.jobs import run, worker
from service.jobs.database import SqliteDatabase
from service.jobs.files import JobFiles
from service.jobs.store import JobStore

pytestmark = pytest.mark.anyio
ALL = [40, 41, 42, 43, 44, 45]


class Fault:
    """Lets a method fail while `on`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, method: str, error: Exception) -> None:
        self.on = False
        self.failed = 0
        working = getattr(owner, method)

        def call(*args: object, **kwargs: object) -> object:
            if self.on:
                self.failed += 1
                raise error
            return working(*args, **kwargs)

        monkeypatch.setattr(owner, method, call)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(run, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(worker, "BEAT", 0.05)


async def test_a_job_that_cannot_be_kept_is_refused_and_leaves_nothing(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    full = Fault(monkeypatch, Path, "open", OSError(errno.ENOSPC, "No space left on device"))
    async with serve_jobs() as client:
        first = await submit(client)
        await ended(client, first)
        full.on = True
        answer = await client.post("/v1/jobs", files=MANY, headers={"Idempotency-Key": "scan"})
        full.on = False
        assert (answer.status_code, answer.json()["code"]) == (503, "job_store_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "space" not in answer.text
        assert [job["id"] for job in (await client.get("/v1/jobs")).json()["jobs"]] == [first]
        assert [path.name for path in (tmp_path / "jobs" / "files").iterdir()] == [first]
        again = await submit(client, headers={"Idempotency-Key": "scan"})
        assert (await ended(client, again))["state"] == "succeeded"
        assert "ocr_job_store_errors_total 1.0" in (await client.get("/metrics")).text


@pytest.mark.parametrize(
    ("owner", "method"),
    [(JobFiles, "put_page"), (JobStore, "add_page"), (JobStore, "end"), (JobStore, "find"), (JobFiles, "upload")],
)
async def test_a_job_waits_while_its_store_is_gone_and_loses_nothing(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    gone = Fault(monkeypatch, owner, method, JobStoreError("gone"))
    reader = HeldAt(42)
    async with serve_jobs(reader) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 2)
        gone.on = True
        reader.release()
        if method in ("put_page", "add_page", "end"):
            while gone.failed < 3:
                await client.get("/livez")
                await _moment()
        gone.on = False
        status = await ended(client, job)
        assert (status["state"], status["pages_done"], status["pages_failed"]) == ("succeeded", 6, 0)
        assert widths(await client.get(f"/v1/jobs/{job}/result")) == ALL


async def test_a_store_that_may_only_be_read_is_shown_and_takes_nothing(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk is mounted anew after an error."""
    begun = SqliteDatabase._begun
    only_read = False

    def begin(database: SqliteDatabase, connection: sqlite3.Connection, *, write: bool) -> object:
        connection.execute(f"PRAGMA query_only = {int(only_read)}")
        return begun(database, connection, write=write)

    monkeypatch.setattr(SqliteDatabase, "_begun", begin)
    reader = HeldAt(42)
    async with serve_jobs(reader) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 2)
        only_read = True
        assert await submit(client, status=503) == "job_store_unavailable"
        assert (await client.delete(f"/v1/jobs/{job}")).json()["code"] == "job_store_unavailable"
        reader.release()
        assert [one["id"] for one in (await client.get("/v1/jobs")).json()["jobs"]] == [job]
        only_read = False
        assert (await ended(client, job))["pages_done"] == 6
        assert widths(await client.get(f"/v1/jobs/{job}/result")) == ALL


@pytest.mark.slow
async def test_a_server_that_is_started_anew_is_found_again(
    serve_jobs: ServeJobs, fresh_postgres: str, postgres_server: Postgres
) -> None:
    reader = HeldAt(42)
    async with serve_jobs(reader, jobs_database=fresh_postgres) as client:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 2)
        await asyncio.to_thread(postgres_server.stop)
        try:
            assert await submit(client, status=503) == "job_store_unavailable"
            for path in ("", f"/{job}", f"/{job}/result"):
                answer = await client.get(f"/v1/jobs{path}")
                assert (answer.status_code, answer.json()["code"]) == (503, "job_store_unavailable")
            assert (await client.get("/readyz")).status_code == 200  # requests are served all the while
            reader.release()
        finally:
            await asyncio.to_thread(postgres_server.start)
        status = await ended(client, job)
        assert (status["state"], status["pages_done"]) == ("succeeded", 6)
        assert widths(await client.get(f"/v1/jobs/{job}/result")) == ALL


async def test_a_server_that_goes_away_after_it_has_accepted_a_job_has_it(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = JobStore.accept

    def go_away(store: JobStore, job: str, expires: float, key: str | None) -> bool:
        accept(store, job, expires, key)
        raise JobStoreError("gone")

    monkeypatch.setattr(JobStore, "accept", go_away)
    away = Fault(monkeypatch, JobStore, "remove", JobStoreError("gone"))
    away.on = True
    async with serve_jobs() as client:
        headers = {"Idempotency-Key": "scan"}
        await submit(client, status=503, headers=headers)
        monkeypatch.setattr(JobStore, "accept", accept)
        assert (await ended(client, await submit(client, headers=headers)))["pages_done"] == 6


async def test_a_job_whose_files_cannot_be_had_takes_no_longer_than_it_may(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    Fault(monkeypatch, JobFiles, "upload", JobStoreError("input/output error")).on = True
    async with serve_jobs(jobs_timeout_seconds=0.3) as client:
        status = await ended(client, await submit(client))
        assert (status["state"], status["error"]["code"]) == ("failed", "deadline_exceeded")


async def test_a_result_whose_job_is_removed_meanwhile_is_not_taken_for_whole(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = JobStore.pages
    monkeypatch.setattr(JobStore, "pages", lambda *args, **kwargs: pages(*args, **kwargs)[:2])
    async with serve_jobs() as client:
        job = await submit(client)
        await ended(client, job)
        answer = await client.get(f"/v1/jobs/{job}/result")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_files_lost")


async def test_a_result_that_cannot_go_on_is_cut_off_and_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with listening(jobs_folder=tmp_path / "jobs") as address:
        async with httpx.AsyncClient(base_url=address) as client:
            job = await submit(client)
            await ended(client, job)
            next((tmp_path / "jobs" / "files" / job).glob("page-000003-*")).unlink()
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"/v1/jobs/{job}/result")
            metrics = (await client.get("/metrics")).text
    assert 'ocr_requests_total{code="404",endpoint="/v1/jobs/{id}/result"} 1.0' in metrics
    assert "job_files_lost" in [getattr(record, "code", None) for record in caplog.records]
    assert not [record for record in caplog.records if record.exc_info]


async def test_nobody_is_taken_for_dead_while_the_store_is_gone(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LEASE", 0.3)
    gone = Fault(monkeypatch, JobStore, "running", JobStoreError("gone"))
    reader = HeldAt(42)
    async with serve_jobs(reader) as client, serve_jobs() as other:
        job = await submit(client)
        await job_when(client, job, lambda job: job["pages_done"] == 2)
        gone.on = True
        while gone.failed < 16:
            await _moment()
        gone.on = False
        reader.release()
        await ended(client, job)
        assert "ocr_jobs_taken_over_total 0.0" in (await other.get("/metrics")).text


async def test_an_engine_that_fails_is_tried_again_and_then_told_of(serve_jobs: ServeJobs) -> None:
    calls: list[int] = []

    def page(pixels: object, options: object) -> object:
        width = pixels.shape[1]
        calls.append(width)
        if width == 41 or (width == 43 and calls.count(43) < 2):
            raise BackendError("out of memory")
        return HeldAt(0)._page(pixels, options)

    async with serve_jobs(FakeReader(page)) as client:
        job = await submit(client)
        status = await ended(client, job)
        assert (status["state"], status["pages_done"], status["pages_failed"]) == ("succeeded", 5, 1)
        assert [error["file"] for error in status["errors"]] == ["2.png"]
        assert status["errors"][0]["error"]["status"] == 500
        assert "memory" not in status["errors"][0]["error"]["detail"]
        assert widths(await client.get(f"/v1/jobs/{job}/result")) == [40, None, 42, 43, 44, 45]
        assert calls.count(41) == run.TRIES


async def test_a_job_takes_no_longer_than_it_may(serve_jobs: ServeJobs) -> None:
    reader = HeldAt(42)
    async with serve_jobs(reader, jobs_timeout_seconds=0.5) as client:
        job = await submit(client)
        status = await ended(client, job)
        assert (status["state"], status["error"]["code"]) == ("failed", "deadline_exceeded")
        assert widths(await client.get(f"/v1/jobs/{job}/result")) == [40, 41]
        reader.release()


async def _moment() -> None:
    await asyncio.sleep(0.02)
