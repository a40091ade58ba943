"""Jobs: long work that outlives its request. What both clients share."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx

from ocr_client.errors import DeadlineExceededError, OcrError, RequestError, ServiceError
from ocr_client.pages import Problem
from ocr_client.retries import Deadline, may_pass

JOBS = "/v1/jobs"
POLL = 1.0
"""Seconds between two looks at a job that is waited for."""

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class JobPageError:
    """A page of a job that could not be read."""

    file: str
    page: int
    error: Problem


@dataclass(frozen=True, slots=True)
class Job:
    """How far a job is."""

    id: str
    state: State
    pages_total: int | None
    """None until they were counted."""
    pages_done: int
    """Pages that were read."""
    pages_failed: int
    seconds_left: float | None
    """Of a running job, by its rate so far."""
    expires: str
    """When it is removed, in ISO 8601."""
    error: Problem | None
    """Why it failed."""
    errors: tuple[JobPageError, ...]
    """Pages that could not be read, the first hundred."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in ("queued", "running")

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Job:
        """Return the job that a JSON object describes."""
        return cls(
            id=body["id"],
            state=body["state"],
            pages_total=body["pages_total"],
            pages_done=body["pages_done"],
            pages_failed=body["pages_failed"],
            seconds_left=body["seconds_left"],
            expires=body["expires"],
            error=Problem.of(body["error"]) if body["error"] else None,
            errors=tuple(
                JobPageError(one["file"], one["page"], Problem.of(one["error"])) for one in body.get("errors", ())
            ),
        )


def id_of(job: Job | str) -> str:
    """Return the id of a job."""
    return job.id if isinstance(job, Job) else job


def path_of(job: Job | str, *, result: bool = False) -> str:
    """Return where a job is, or its result.

    Raises:
        ValueError: it would be somewhere else.
    """
    name = id_of(job)
    if name in ("", ".", ".."):
        raise ValueError(f"{name!r} is no id of a job")
    return f"{JOBS}/{quote(name, safe='')}" + "/result" * result


def key_of(key: str | None) -> str:
    """Return an idempotency key, a new one if there is none: a request that is tried again makes no second job.

    Raises:
        ValueError: it is no word of visible ASCII.
    """
    if key is None:
        return uuid.uuid4().hex
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise ValueError(f"{key!r} is no idempotency key: it is a word of up to 255 visible ASCII characters")
    return key


@contextmanager
def known(key: str, name: str | None = None) -> Iterator[None]:
    """Have errors tell the key that a job was submitted with, and its id, so that it is not lost with them."""
    try:
        yield
    except OcrError as error:
        error.idempotency_key, error.job_id = key, name
        raise


def submitted(body: Mapping[str, Any]) -> str:
    """Return the id of a job that was taken."""
    name = str(body["id"])
    path_of(name)
    return name


def may_be_done(error: OcrError) -> bool:
    """Tell whether a request may have been carried out although this came instead of its answer."""
    if isinstance(error, ServiceError):
        return error.status not in (408, 429)
    return not isinstance(error.__cause__, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))


def fate(job: Job | str, found: Job | None) -> Literal["again", "done", "unknown"]:
    """Return what became of a cancellation that may be done, by the job as it is now; None: it is gone.

    A second one would remove a job that has ended, with what was read. So that is done again only where the first one
    was meant so.
    """
    if found is None:
        return "done"
    if not found.ended or (isinstance(job, Job) and job.ended):
        return "again"
    return "done" if found.state == "cancelled" else "unknown"


def is_gone(error: OcrError) -> bool:
    """Tell whether there is no such job, rather than no such address."""
    return isinstance(error, RequestError) and error.code == "job_not_found"


def is_late(error: OcrError, deadline: Deadline) -> bool:
    """Tell whether a look at a job failed since the time to wait for it is over, by what a later look might not."""
    return not deadline.allows(POLL) and (may_pass(error) or isinstance(error, DeadlineExceededError))
