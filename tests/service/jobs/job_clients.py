"""What tests of jobs ask of a service."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import numpy as np
import pytest
from service_fakes import PATIENCE, FakeReader, encoded, parts, two_lines

from ocr_core.pipeline.result import Page, ReadOptions

ServeJobs = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
"""Runs a service and gives a client of it: the fixture `serve_jobs`."""
MANY = parts(*[encoded(width=40 + i) for i in range(6)])
"""Six files of one page, told apart by their widths."""


def databases() -> list[Any]:
    """Return the parameters of what is tested with either database; the server takes seconds to start."""
    return ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]


async def submit(client: httpx.AsyncClient, files: Any = MANY, status: int = 202, **choices: Any) -> str:
    """Have files read by a job; return its id."""
    headers = choices.pop("headers", {})
    answer = await client.post("/v1/jobs", files=files, data=choices, headers=headers)
    assert answer.status_code == status, answer.text
    return str(answer.json().get("id") or answer.json()["code"])


async def job_when(
    client: httpx.AsyncClient, job: str, condition: Callable[[dict[str, Any]], bool], **headers: str
) -> dict[str, Any]:
    """Return a job as it is once a condition holds."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = await client.get(f"/v1/jobs/{job}", headers=headers)
        if answer.status_code == 200 and condition(answer.json()):
            return dict(answer.json())
        assert time.monotonic() < end, answer.text
        await asyncio.sleep(0.01)


async def ended(client: httpx.AsyncClient, job: str, **headers: str) -> dict[str, Any]:
    """Return a job once it has ended."""
    return await job_when(client, job, lambda job: job["state"] not in ("queued", "running"), **headers)


class HeldAt(FakeReader):
    """Reads until a page of one width comes, which waits until `release` is called."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._gate = threading.Event()
        self.widths: list[int] = []
        super().__init__(self._hold)

    def release(self) -> None:
        self._gate.set()

    def _hold(self, pixels: np.ndarray, options: ReadOptions) -> Page:
        if pixels.shape[1] == self._width:
            assert self._gate.wait(PATIENCE)
        self.widths.append(pixels.shape[1])
        return two_lines(pixels, options)


def widths(answer: httpx.Response) -> list[int | None]:
    """Return the widths of the pages of an answer, None for those that failed."""
    return [page.get("width") for page in answer.json()["pages"]]
