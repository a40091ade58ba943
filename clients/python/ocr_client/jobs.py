"""Jobs: long work that outlives its request. What both clients share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ocr_client.pages import Problem

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
    """Return where a job is, or its result."""
    return f"{JOBS}/{id_of(job)}" + "/result" * result


def new_key() -> str:
    """Return an idempotency key: a request that is tried again makes no second job."""
    return uuid.uuid4().hex


def submitted(body: Mapping[str, Any]) -> str:
    """Return the id of a job that was taken."""
    return str(body["id"])
