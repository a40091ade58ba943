"""What a job is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Stored = Literal["accepting", "queued", "running", "succeeded", "failed", "cancelled"]
"""`accepting`: its files are being written; nobody sees it yet."""

ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A row of the table `ocr_jobs`. Times are seconds since 1970, texts in JSON where they hold more than a word."""

    id: str
    owner: str
    """Name of the key that it came with, who alone sees it; empty where there are none."""
    caller: str
    """Who sent it, as places and turns are shared: the key, or the network that it came from."""
    state: Stored
    created: float
    started: float | None
    ended: float | None
    expires: float
    """When it is removed, with all that belongs to it."""
    idempotency_key: str | None
    fingerprint: str
    """sha256 of what was asked for."""
    fields: str
    """Choices of the request."""
    files: str
    """Names of the files."""
    counts: str | None
    """Pages that each file gives, once that is known."""
    pages_done: int
    """Pages that were read."""
    pages_failed: int
    """Pages that could not be read."""
    worked: float
    """Seconds for which it was worked on."""
    model: str | None
    """Name, version and digest of the model that reads it."""
    problem: str | None
    """Why it failed."""
    lease: str | None
    """What only the worker knows that has it; another one for each attempt."""
    beat: int
    """Rises while a worker is at it."""
    tries: int
    """Attempts that ended without a word since its last page."""
    callback_url: str | None
    callback_at: float | None
    """When it will be called next."""
    callback_tries: int

    @property
    def choices(self) -> dict[str, Any]:
        """The fields of the request."""
        found: dict[str, Any] = json.loads(self.fields)
        return found

    @property
    def names(self) -> Sequence[str]:
        """The names of the files."""
        found: list[str] = json.loads(self.files)
        return found

    @property
    def pages(self) -> Sequence[int] | None:
        """Pages that each file gives; None before they were counted."""
        found: list[int] | None = None if self.counts is None else json.loads(self.counts)
        return found

    @property
    def pages_total(self) -> int | None:
        """Pages of all files, None before they were counted."""
        return None if self.pages is None else sum(self.pages)

    @property
    def position(self) -> int:
        """Pages that are over, in one way or the other: the index of the next one."""
        return self.pages_done + self.pages_failed

    @property
    def rate(self) -> float | None:
        """Pages a second so far."""
        return self.position / self.worked if self.position and self.worked > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds of work that are left, by the rate so far."""
        if self.state != "running" or self.pages_total is None or self.rate is None:
            return None
        return max(0, self.pages_total - self.position) / self.rate


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRow:
    """A page of a job that is over: a row of the table `ocr_job_pages`."""

    position: int
    """Index among all pages of the job."""
    file: int
    """Index of the file."""
    page: int
    """Page within the file, from 1."""
    name: str | None
    """Of what holds the page, in the store of files; None if it failed."""
    problem: str | None
    """Why it could not be read, as JSON."""
