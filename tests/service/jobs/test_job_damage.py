"""Rows of jobs that cannot be understood, since a person or another version wrote them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import httpx
import pytest
from job_clients import ServeJobs, ended, submit
from service_fakes import PATIENCE, encoded, parts

from service.jobs import callbacks

pytestmark = pytest.mark.anyio
ONE = parts(encoded())
DAMAGE = {
    "files": "not json",
    "counts": '{"later": 1}',
    "model": '{"name": 1}',
    "problem": "[]",
    "created": "yesterday",
    "ended": 1e300,
    "expires": "soon",
    "state": "paused",
}


def spoil(folder: Path, job: str, column: str, value: object) -> None:
    with sqlite3.connect(folder / "jobs" / "jobs.db") as connection:
        connection.execute(f"UPDATE ocr_jobs SET {column} = ? WHERE id = ?", [value, job])


async def listed(client: httpx.AsyncClient, limit: int) -> list[str]:
    """Return the ids of all jobs, as pages of so many give them."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        query = {"limit": str(limit)} | ({"after": after} if after else {})
        answer = await client.get("/v1/jobs", params=query)
        assert answer.status_code == 200, answer.text
        found += [job["id"] for job in answer.json()["jobs"]]
        after = answer.json()["next"]
    return found


@pytest.mark.parametrize("column", DAMAGE)
async def test_a_row_that_cannot_be_understood_keeps_no_other_from_being_seen(
    serve_jobs: ServeJobs, tmp_path: Path, column: str
) -> None:
    async with serve_jobs() as client:
        jobs = [await submit(client, ONE) for _ in range(4)]
        for job in jobs:
            await ended(client, job)
        spoil(tmp_path, jobs[1], column, DAMAGE[column])
        spoil(tmp_path, jobs[2], column, DAMAGE[column])
        assert await listed(client, 1) == await listed(client, 50) == [jobs[3], jobs[0]]
        answer = await client.get(f"/v1/jobs/{jobs[1]}")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_files_lost")
        if column != "state":  # nobody knows whether such a job is being worked on
            assert (await client.delete(f"/v1/jobs/{jobs[1]}")).status_code == 204


@pytest.mark.parametrize(("column", "value"), [("fields", "{}"), ("fields", "x"), ("model", "x"), ("files", "1")])
async def test_a_result_of_such_a_row_is_as_good_as_lost(
    serve_jobs: ServeJobs, tmp_path: Path, column: str, value: str
) -> None:
    async with serve_jobs() as client:
        job = await submit(client, ONE)
        await ended(client, job)
        spoil(tmp_path, job, column, value)
        answer = await client.get(f"/v1/jobs/{job}/result", params={"format": "tsv"})
        assert (answer.status_code, answer.json()["code"]) == (404, "job_files_lost")
        assert (await client.delete(f"/v1/jobs/{job}")).status_code == 204


async def test_a_callback_for_such_a_row_is_given_up(
    serve_jobs: ServeJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "PERIOD", 0.02)
    monkeypatch.setattr(callbacks, "TRIES", 1)
    settings = {"jobs_callbacks": "http://127.0.0.1:9", "jobs_callback_secret": "s" * 24}
    async with serve_jobs() as client:
        job = await submit(client, ONE)
        await ended(client, job)
        spoil(tmp_path, job, "counts", '{"later": 1}')
        spoil(tmp_path, job, "callback_url", "http://127.0.0.1:9/hook")
        spoil(tmp_path, job, "callback_at", 1)
    async with serve_jobs(**settings) as client:
        end = time.monotonic() + PATIENCE
        while 'ocr_job_callbacks_total{result="given_up"} 1.0' not in (await client.get("/metrics")).text:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
