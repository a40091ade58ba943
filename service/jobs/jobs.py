"""The jobs of a service: taken in, shown, cancelled, removed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from service.engine.serving import Serving
from service.engine.threads import wait_in_thread
from service.errors import IdempotencyKeyError, JobNotFoundError, JobStoreError, OverloadedError
from service.jobs.callbacks import Callbacks
from service.jobs.database import Database, PostgresDatabase, SqliteDatabase
from service.jobs.files import JobFiles
from service.jobs.job import ENDED, Job, PageRow
from service.jobs.run import Describe, Tools
from service.jobs.store import SCHEMA, JobStore
from service.jobs.worker import Worker
from service.observe.metrics import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

ACCEPT_SECONDS = 300.0
"""How long the files of a job may take to be written; what takes longer was left behind by a process that died."""
DEAD_SECONDS = 30.0
"""After so long another request may have the idempotency key of one whose files are still being written."""
SWEEP = 30.0
"""Seconds between two looks for what has expired."""
RETRY_SECONDS = 30
"""When to come back if one has had too many jobs inside."""
AT_A_TIME = 16
"""Calls of the store under way. More wait: where it is locked each takes seconds and a thread."""
EXPIRED = 100
"""Jobs that are removed at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What is asked for."""

    owner: str
    """Name of the key; empty without."""
    caller: str
    """Who sends it, as places are shared: the key, or the network without keys."""
    names: Sequence[str]
    files: Sequence[bytes]
    fields: dict[str, Any]
    idempotency_key: str | None = None
    callback_url: str | None = None

    def fingerprint(self) -> str:
        """Return what tells one request from another."""
        digest = hashlib.sha256(json.dumps([self.fields, self.callback_url, list(self.names)]).encode())
        for data in self.files:
            digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()


class Jobs:
    """Everything that routes ask of jobs, and what works on them while the service runs.

    Args:
        settings: where they are kept, and how many.
        serving: the engine room.
        metrics: told of what happens.
        describe: what clients may know of an error.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        serving: Serving,
        metrics: Metrics,
        describe: Describe,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._serving = serving
        self._metrics = metrics
        self._clock = clock
        self._database = _database(settings)
        self._store = JobStore(self._database)
        self._files = JobFiles(settings.jobs_files or str(settings.jobs_folder / "files"))
        self._tools = Tools(
            serving=serving, store=self._store, files=self._files, metrics=metrics, describe=describe, clock=clock
        )
        self._worker: Worker | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._calls = asyncio.Semaphore(AT_A_TIME)

    def start(self) -> None:
        """Begin to work; returns at once."""
        self._worker = Worker(self._tools)
        tasks = [self._worker.run(), self._sweep()]
        if self._settings.jobs_callbacks:
            tasks.append(Callbacks(self._settings, self._store, self._metrics, clock=self._clock).run())
        self._tasks = [asyncio.create_task(task) for task in tasks]

    async def close(self) -> None:
        """Stop to work; what is under way goes on after the next start, or in another replica."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._database.close()

    async def submit(self, submission: Submission) -> Job:
        """Take in a job: once this returns it will be worked on, whatever becomes of this process.

        Raises:
            OverloadedError: its owner has too many inside.
            IdempotencyKeyError: its key came before with something else, or is being taken in right now.
            JobStoreError: it cannot be kept, and was not.
        """
        now = self._clock()
        job = _new_job(submission, await self._call(submission.fingerprint), now)
        found = await self._call(lambda: self._store.reserve(job, self._settings.jobs_max_inside, now - DEAD_SECONDS))
        if found is None:
            raise OverloadedError(
                f"there are {self._settings.jobs_max_inside} jobs of yours inside, which is the most",
                retry_after=RETRY_SECONDS,
            )
        if found is not job:
            return _same(found, job)
        try:
            await self._call(lambda: self._files.put_uploads(job.id, submission.files))
            expires = now + self._settings.jobs_timeout_seconds + self._settings.jobs_keep_seconds
            if not await self._call(lambda: self._store.accept(job.id, expires, job.idempotency_key)):
                raise JobStoreError("the job took too long to be written")
        except BaseException:
            await asyncio.shield(self._forget(job))
            raise
        if self._worker is not None:
            self._worker.wake()
        return replace(job, state="queued", expires=expires)

    async def find(self, owner: str, name: str) -> Job:
        """Return a job.

        Raises:
            JobNotFoundError: the owner has no such job.
            JobStoreError: that cannot be known now.
        """
        job = await self._call(lambda: self._store.find(name)) if self._store.is_there() else None
        if job is None or job.owner != owner or job.state == "accepting" or self._has_expired(job):
            raise JobNotFoundError("there is no such job")
        return job

    def _has_expired(self, job: Job) -> bool:
        # What somebody has made of the time may be no number: such a job can be seen to be damaged, and be removed.
        return job.state in ENDED and isinstance(job.expires, (int, float)) and job.expires <= self._clock()

    async def of_owner(self, owner: str, limit: int, before: tuple[float, str] | None) -> list[Job]:
        """Return the jobs of an owner, the newest first."""
        if not self._store.is_there():
            return []
        return await self._call(lambda: self._store.of_owner(owner, limit, before, self._clock()))

    async def pages(self, job: Job, start: int, limit: int, *, failed: bool = False) -> list[PageRow]:
        """Return pages of a job that are over, as `JobStore.pages` does."""
        return await self._call(lambda: self._store.pages(job.id, start, limit, failed=failed))

    async def page(self, job: Job, name: str) -> bytes:
        """Return a page that was read, as it is kept."""
        return await self._call(lambda: self._files.page(job.id, name))

    async def uploads(self, job: Job) -> list[bytes]:
        """Return the files as they were uploaded."""
        return await self._call(lambda: [self._files.upload(job.id, index) for index in range(len(job.names))])

    async def delete(self, owner: str, name: str) -> Job | None:
        """Cancel a job that has not ended and return it; remove one that has.

        Raises:
            JobNotFoundError: the owner has no such job.
        """
        job = await self.find(owner, name)
        if job.state not in ENDED:
            now = self._clock()
            expires = now + self._settings.jobs_keep_seconds
            if await self._call(lambda: self._store.cancel(name, now, expires)):
                self._metrics.jobs_ended.labels("cancelled").inc()
            if self._worker is not None:
                self._worker.stop(name)
            return await self.find(owner, name)
        await self._call(lambda: self._remove(job))
        return None

    async def _call(self, work: Callable[[], T]) -> T:
        async with self._calls:
            try:
                return await wait_in_thread(work, "jobs")
            except JobStoreError:
                self._metrics.job_store_errors.inc()
                raise

    async def _forget(self, job: Job) -> None:
        try:
            await self._call(lambda: self._withdraw(job))
        except JobStoreError:
            log.warning("a job that was refused is left to be swept", extra={"job": job.id})

    def _withdraw(self, job: Job) -> bool:
        """Remove a job that is being taken in, and return True; one that was accepted meanwhile is worked on."""
        # A server that went away while it was told to accept the job may have done so.
        gone = self._store.withdraw(job.id) or self._store.find(job.id) is None
        if gone:
            self._remove(job)
        return gone

    def _remove(self, job: Job) -> None:
        # The files first: what is left if the store fails in between is swept later.
        self._files.remove(job.id)
        self._store.remove(job.id)

    async def _sweep(self) -> None:
        """Remove what has expired and tell how much waits, from time to time."""
        while True:
            try:
                if self._store.is_there():
                    await self._remove_expired()
                    await self._count()
            except JobStoreError:
                pass  # the log says so
            except Exception:
                log.exception("jobs could not be swept")
            await asyncio.sleep(SWEEP)

    async def _remove_expired(self) -> None:
        removed, expired = 1, EXPIRED
        while removed and expired == EXPIRED:  # more may expire between two looks than are removed at a time
            found = await self._call(lambda: self._store.expired(self._clock(), EXPIRED))
            removed, expired = 0, len(found)
            for job in found:
                with suppress(JobStoreError):  # one that cannot be removed, which the log says, keeps no other
                    if await self._call(lambda: self._sweep_away(job)):  # noqa: B023
                        log.info("a job was removed", extra={"job": job.id, "state": job.state})
                    removed += 1

    def _sweep_away(self, job: Job) -> bool:
        # One that was still being taken in when it was looked at may be a job by now, whose client was told so.
        if job.state == "accepting":
            return self._withdraw(job)
        self._remove(job)
        return True

    async def _count(self) -> None:
        queued, running, oldest = await self._call(self._store.waiting)
        self._metrics.jobs.labels("queued").set(queued)
        self._metrics.jobs.labels("running").set(running)
        self._metrics.job_wait.set(0 if oldest is None else max(0.0, self._clock() - oldest))


def _database(settings: Settings) -> Database:
    url = settings.jobs_database.get_secret_value()
    return PostgresDatabase(url, SCHEMA) if url else SqliteDatabase(settings.jobs_folder / "jobs.db", SCHEMA)


def _new_job(submission: Submission, fingerprint: str, now: float) -> Job:
    return Job(
        id=uuid.uuid4().hex,
        owner=submission.owner,
        caller=submission.caller,
        state="accepting",
        created=round(now, 6),  # as cursors of the list write it
        started=None,
        ended=None,
        expires=now + ACCEPT_SECONDS,
        idempotency_key=submission.idempotency_key,
        fingerprint=fingerprint,
        fields=json.dumps(submission.fields),
        files=json.dumps(list(submission.names)),
        counts=None,
        pages_done=0,
        pages_failed=0,
        worked=0.0,
        model=None,
        problem=None,
        lease=None,
        beat=0,
        tries=0,
        callback_url=submission.callback_url,
        callback_at=None,
        callback_tries=0,
    )


def _same(found: Job, job: Job) -> Job:
    """Return the job that an idempotency key named before."""
    if found.fingerprint != job.fingerprint:
        raise IdempotencyKeyError("this Idempotency-Key came before with another request")
    if found.state == "accepting":
        raise IdempotencyKeyError("the request with this Idempotency-Key is still being taken in")
    return found
