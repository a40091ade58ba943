from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from job_clients import ServeJobs, databases
from service_clients import Serve
from service_fakes import FakeReader

from benchmarks.postgres import Postgres, postgres, programs
from service.jobs.database import Database, PostgresDatabase, SqliteDatabase
from service.jobs.store import SCHEMA, JobStore


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    pytest.importorskip("psycopg")
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres() as server:
        yield server


@pytest.fixture
def fresh_postgres(postgres_server: Postgres) -> str:
    """Return the URL of a server without jobs."""
    import psycopg

    with psycopg.connect(postgres_server.url) as connection:
        connection.execute("DROP TABLE IF EXISTS ocr_jobs, ocr_job_pages")
    return postgres_server.url


@pytest.fixture(params=databases())
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made: Database = SqliteDatabase(tmp_path / "jobs.db", SCHEMA)
    else:
        made = PostgresDatabase(request.getfixturevalue("fresh_postgres"), SCHEMA)
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture
def serve_jobs(serve: Serve, tmp_path: Path) -> ServeJobs:
    """`serve`, with its jobs in a folder that later services of the test find again."""

    @asynccontextmanager
    async def run(reader: FakeReader | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with serve(reader, **{"jobs_folder": tmp_path / "jobs", **settings}) as client:
            yield client

    return run
