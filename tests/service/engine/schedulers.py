"""Stages that compute without networks, tickets and gates, for tests of the scheduler."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from service_fakes import PATIENCE

from service.engine.batching.costs import Costs
from service.engine.batching.queue import Kind
from service.engine.batching.scheduler import Scheduler
from service.engine.batching.stages import Stages
from service.engine.ticket import Ticket

RATES = {"det": 1e-6, "rec": 1e-6, "cls": 1e-6}


class FakeStages(Stages):
    """Computes with a plain function of the inputs."""

    def __init__(self, compute: Callable[[list[Any]], list[Any]], *sizes: int) -> None:
        super().__init__(None, dict.fromkeys(RATES, sizes or (1,)), Costs(RATES))
        self.batches: list[list[Any]] = []
        self._function = compute

    def compute(self, stage, inputs):
        self.batches.append(list(inputs))
        return self._function(inputs)

    def inputs(self, *values: Any) -> list[tuple[Kind, Any]]:
        return [(self.kind("rec", 48, 320), value) for value in values]


def ticket(seconds: float = PATIENCE) -> Ticket:
    return Ticket(time.monotonic() + seconds)


def entered(scheduler: Scheduler, request: Ticket, expected: float) -> Ticket:
    """Return `request`, let in."""
    scheduler.enter(request, expected)
    return request


class Gate:
    """A function of a batch that waits until it is opened."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, inputs: list[Any]) -> list[Any]:
        self.begun.release()
        assert self.opened.wait(PATIENCE)
        return inputs

    def wait(self) -> None:
        assert self.begun.acquire(timeout=PATIENCE)
