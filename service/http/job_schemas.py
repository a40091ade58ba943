"""The bodies of requests and answers about jobs, as the OpenAPI document shows them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from service.errors import JobFilesLostError
from service.http.fields import CURSOR
from service.http.problems import Problem
from service.http.schemas import Base64File, Model, ReadFields, from_base64
from service.jobs.job import Job, PageRow, State
from service.jobs.urls import MAX_LENGTH

log = logging.getLogger(__name__)

MOST_ERRORS = 100
"""Failed pages of which a job tells; the result tells of all."""


class JobFields(ReadFields):
    """Choices of a job: those of a read."""

    preview: bool = Field(default=False, description="A job gives no pictures.", json_schema_extra={"const": False})
    callback_url: str | None = Field(
        default=None,
        max_length=MAX_LENGTH,
        description="Called by POST once the job has ended, where the service allows it; signed as Standard Webhooks "
        "says.",
    )

    @field_validator("preview")
    @classmethod
    def _without(cls, value: bool) -> bool:
        # No Literal[False]: forms and queries say `false` as text.
        if value:
            raise PydanticCustomError("preview", "must be false: a job gives no pictures")
        return value


class JsonJob(JobFields):
    """An image or a PDF inside a JSON object, or where it lies, to be read by a job."""

    image: Base64File | None = None
    url: str | None = Field(
        default=None,
        max_length=MAX_LENGTH,
        description="fsspec URL of a file, instead of `image`, below a folder that the service allows.",
    )

    @field_validator("image", mode="before")
    @classmethod
    def _from_base64(cls, value: object) -> bytes | None:
        return None if value is None else from_base64(value)

    @model_validator(mode="after")
    def _one_of_both(self) -> JsonJob:
        if (self.image is None) == (self.url is None):
            raise PydanticCustomError("source", "needs one of `image` and `url`")
        return self


class JobAccepted(BaseModel):
    """The answer of `POST /v1/jobs`."""

    id: str
    state: State


class JobPageError(BaseModel):
    """A page that could not be read; a file that cannot be opened counts as its first."""

    file: str
    page: int
    error: Problem


class JobSummary(BaseModel):
    """A job as a list has it."""

    id: str = Field(description="Whoever asks without a key, where none are asked for, needs it to see the job.")
    state: State
    files: list[str] = Field(description="Names that the uploads came with.")
    created: datetime
    started: datetime | None = Field(description="When work on it began first.")
    ended: datetime | None
    expires: datetime = Field(description="When it is removed, with its upload and its result.")
    pages_total: int | None = Field(description="Null until they were counted.")
    pages_done: int = Field(description="Pages that were read. Those that failed are not among them.")
    pages_failed: int
    pages_per_second: float | None = Field(description="So far, while it was worked on.")
    seconds_left: float | None = Field(description="Of a running job, at this rate.")
    model: Model | None = Field(description="Which reads it; null until work began.")
    error: Problem | None = Field(description="Of a failed job: why.")

    @classmethod
    def of(cls, job: Job) -> JobSummary:
        """Return the job as it is sent.

        Raises:
            JobFilesLostError: what was kept of it cannot be understood.
        """
        with understood(job):
            return cls.model_validate(_summary(job))


class JobStatus(JobSummary):
    """The answer of `GET /v1/jobs/{id}`."""

    errors: list[JobPageError] = Field(description=f"Pages that could not be read, the first {MOST_ERRORS} of them.")

    @classmethod
    def with_errors(cls, job: Job, failed: Sequence[PageRow]) -> JobStatus:
        """Return the job as it is sent, with pages that failed.

        Raises:
            JobFilesLostError: what was kept of it cannot be understood.
        """
        with understood(job):
            names = job.names
            errors = [
                {"file": names[row.file], "page": row.page, "error": json.loads(row.problem or "{}")} for row in failed
            ]
            return cls.model_validate({**_summary(job), "errors": errors})


class JobList(BaseModel):
    """The answer of `GET /v1/jobs`."""

    jobs: list[JobSummary] = Field(description="The newest first.")
    next: str | None = Field(description="`after` of the next page of the list; null on the last one.")


class ListFields(BaseModel):
    """Which part of the list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=500, description="Jobs at a time.")
    after: Annotated[str | None, Query(pattern=CURSOR)] = Field(default=None, description="`next` of the list before.")


class ResultFields(BaseModel):
    """Which form a result takes."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "text", "markdown", "tsv", "hocr", "alto", "pdf"] | None = Field(
        default=None, description="Left out, `Accept` tells, and without that what the job was told; else it is JSON."
    )


@contextmanager
def understood(job: Job) -> Iterator[None]:
    """Take what cannot be understood, since a person or another version wrote it, for what is lost.

    Raises:
        JobFilesLostError: something inside was not as this version writes it.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        log.warning("a row of a job cannot be understood: %s", type(error).__name__, extra={"job": job.id})
        raise JobFilesLostError("what was kept of this job cannot be understood") from error


def cursor_of(job: Job) -> str:
    """Return what names the place behind a job in the list."""
    return f"{job.created:.6f}-{job.id}"


def _summary(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "state": job.state,
        "files": job.names,
        "created": _time(job.created),
        "started": _time(job.started),
        "ended": _time(job.ended),
        "expires": _time(job.expires),
        "pages_total": job.pages_total,
        "pages_done": job.pages_done,
        "pages_failed": job.pages_failed,
        "pages_per_second": None if job.rate is None else round(job.rate, 3),
        "seconds_left": None if job.seconds_left is None else round(job.seconds_left, 1),
        "model": None if job.model is None else json.loads(job.model),
        "error": None if job.problem is None else json.loads(job.problem),
    }


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
