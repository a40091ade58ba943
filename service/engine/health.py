"""Whether the engine computes: dead threads, stuck inferences, images without end, and a canary in idle times."""

from __future__ import annotations

import asyncio
import logging
import time

import numpy as np

from service.engine.batching.runner import ScheduledRunner
from service.engine.batching.scheduler import Scheduler
from service.engine.models.registry import Models
from service.engine.ticket import Clock, Ticket
from service.engine.workers import Workers
from service.errors import UnhealthyError

log = logging.getLogger(__name__)

STUCK = 10.0
"""Seconds that no inference takes, whatever the image; nor does an image go on for so long after its deadline, since
its decoder asks for it at every read and the pipeline before every inference."""
IDLE = 5.0
"""Seconds without a good inference after which the canary runs."""


class Watchdog:
    """Looks after one scheduler and its workers. Under load the requests themselves prove that they work."""

    def __init__(
        self, scheduler: Scheduler, workers: Workers, models: Models, *, clock: Clock = time.monotonic
    ) -> None:
        self._scheduler = scheduler
        self._workers = workers
        self._models = models
        self._clock = clock
        self._complaint: str | None = None

    def require(self) -> None:
        """Raise UnhealthyError if only a new process will help."""
        if self._scheduler.dead_streams():
            raise UnhealthyError("a thread of the engine has died")
        if self._scheduler.stuck_seconds() > STUCK:
            raise UnhealthyError(f"one inference has been running for more than {STUCK:.0f} s")
        if self._workers.overdue_seconds() > STUCK:
            raise UnhealthyError(f"an image is being read for more than {STUCK:.0f} s after its deadline")
        if self._complaint:
            raise UnhealthyError(self._complaint)

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await asyncio.sleep(IDLE)
            await self.check()

    async def check(self) -> None:
        """Send the canary if nothing was computed for a while."""
        if self._clock() - self._scheduler.last_success < IDLE:
            self._complaint = None
            return
        try:
            await asyncio.to_thread(self._canary)
        except Exception as error:  # whatever it is, the engine does not compute
            log.error("the canary inference failed: %s", error)
            self._complaint = "the canary inference failed"
        else:
            self._complaint = None

    def _canary(self) -> None:
        """Let the engine read the narrowest line there is."""
        model = self._models.default
        recognizer = model.reader.networks.recognizer
        line = np.full((recognizer.spec.height, recognizer.widths[0], 3), 255, np.uint8)
        ticket = Ticket(self._clock() + STUCK, clock=self._clock)
        self._scheduler.enter(ticket, 0.0)
        try:
            with model.lease():
                ScheduledRunner(model.stages, self._scheduler, ticket).recognize([line])
        finally:
            self._scheduler.leave(ticket)
