from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from job_clients import ServeJobs
from service_clients import Serve
from service_fakes import FakeReader

from benchmarks.postgres import Postgres, postgres, programs


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


@pytest.fixture
def serve_jobs(serve: Serve, tmp_path: Path) -> ServeJobs:
    """`serve`, with its jobs in a folder that later services of the test find again."""

    @asynccontextmanager
    async def run(reader: FakeReader | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with serve(reader, **{"jobs_folder": tmp_path / "jobs", **settings}) as client:
            yield client

    return run
