"""Who works on jobs in this process: takes them, gives signs of life, takes over from workers that have died."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from service.engine.serving import State
from service.engine.threads import wait_in_thread
from service.errors import JobStoreError
from service.jobs.job import Job
from service.jobs.run import Run, Tools, wait_for_event

log = logging.getLogger(__name__)

TICK = 0.4
"""Seconds within which it is noticed that a job was cancelled by another process, or queued there."""
BEAT = 2.0
"""Seconds between two signs of life."""
LEASE = 10.0
"""Seconds without one after which a worker is taken for dead."""


class Worker:
    """Works on as many jobs at a time as the settings say, while the service is ready.

    Args:
        tools: what jobs are worked on with.
        clock: seconds that only rise, for leases.
    """

    def __init__(self, tools: Tools, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tools = tools
        self._most = tools.serving.settings.jobs_concurrent
        self._clock = clock
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._signed: dict[str, float] = {}
        """When each job was last signed."""
        self._seen: dict[str, tuple[Job, float]] = {}
        """Jobs that others work on, as they were when they last changed, and when that was seen."""
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for a job now."""
        self._wake.set()

    def stop(self, job: str) -> None:
        """Stop to work on a job, if this process does."""
        if run := self._runs.get(job):
            run.stopped.set()

    async def run(self) -> None:
        """Work until cancelled; then let others go on with what is under way."""
        try:
            while True:
                pause = TICK
                try:
                    await self._tick()
                except JobStoreError:
                    self._seen.clear()  # nobody could give a sign
                    pause = BEAT  # nor are more lines in the log of use
                except Exception:  # whatever it is, jobs go on
                    log.exception("jobs could not be looked after")
                await wait_for_event(self._wake, pause)
                self._wake.clear()
        finally:
            await self._leave()

    async def _tick(self) -> None:
        if not self._tools.store.is_there():
            return
        if self._tools.serving.state is not State.READY:
            await self._leave()
            return
        for name in [name for name, task in self._tasks.items() if task.done()]:
            del self._runs[name], self._tasks[name], self._signed[name]
        running = await wait_in_thread(self._tools.store.running, "jobs")
        await self._look_after_own({job.id: job for job in running})
        while len(self._runs) < self._most:
            job = await self._orphan(running) or await self._next()
            if job is None:
                return
            self._start(job)

    async def _look_after_own(self, running: dict[str, Job]) -> None:
        """Stop what was cancelled or taken over, and give signs of life for the rest."""
        for name, run in self._runs.items():
            job = running.get(name)
            if job is None or job.lease != run.lease:
                run.stopped.set()
            elif self._clock() - self._signed[name] >= BEAT:
                self._signed[name] = self._clock()
                if not await wait_in_thread(lambda: self._tools.store.sign(name, run.lease, run.spent()), "jobs"):  # noqa: B023
                    run.stopped.set()

    async def _orphan(self, running: list[Job]) -> Job | None:
        """Take over a job whose worker has given no sign of life for long, if there is one."""
        now = self._clock()
        others = [job for job in running if job.id not in self._runs]
        seen = {job.id: self._seen.get(job.id, (job, now)) for job in others}
        self._seen = {job.id: seen[job.id] if _same(seen[job.id][0], job) else (job, now) for job in others}
        for job, since in self._seen.values():
            if now - since >= LEASE:
                taken = await wait_in_thread(lambda: self._tools.store.take_over(job, uuid.uuid4().hex), "jobs")  # noqa: B023
                if taken is not None:
                    log.warning("a job goes on whose worker is dead", extra={"job": job.id, "page": job.position + 1})
                    self._tools.metrics.jobs_taken_over.inc()
                    return taken
        return None

    async def _next(self) -> Job | None:
        return await wait_in_thread(lambda: self._tools.store.take(uuid.uuid4().hex, self._tools.clock()), "jobs")

    def _start(self, job: Job) -> None:
        run = Run(job, self._tools)
        self._runs[job.id] = run
        self._signed[job.id] = self._clock()
        self._tasks[job.id] = asyncio.create_task(run.work())

    async def _leave(self) -> None:
        """Stop all jobs and let others take them at once."""
        for run in self._runs.values():
            run.stopped.set()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        for run in self._runs.values():
            with suppress(JobStoreError):
                await wait_in_thread(lambda: self._tools.store.give_back(run.job.id, run.lease), "jobs")  # noqa: B023
        self._runs.clear()
        self._tasks.clear()
        self._signed.clear()


def _same(one: Job, other: Job) -> bool:
    return one.lease == other.lease and one.beat == other.beat
