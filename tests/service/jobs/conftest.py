from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from job_clients import ServeJobs
from service_clients import Serve
from service_fakes import FakeReader


@pytest.fixture
def serve_jobs(serve: Serve, tmp_path: Path) -> ServeJobs:
    """`serve`, with its jobs in a folder that later services of the test find again."""

    @asynccontextmanager
    async def run(reader: FakeReader | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with serve(reader, **{"jobs_folder": tmp_path / "jobs", **settings}) as client:
            yield client

    return run
