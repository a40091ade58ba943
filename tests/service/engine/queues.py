"""Queues of batches, and what tests put into them."""

from __future__ import annotations

from collections.abc import Sequence

from service.engine.batching.fairness import FairClock
from service.engine.batching.queue import BatchQueue, Entry, Kind
from service.engine.ticket import Ticket

FOREVER = float("inf")
LINE = Kind("rec", "model", 48, 320)
PAGE = Kind("det", "model", 960, 960)


def ticket() -> Ticket:
    return Ticket(FOREVER, clock=lambda: 0.0)


def within(seconds: float) -> Ticket:
    return Ticket(seconds, clock=lambda: 0.0)


def kind(width: int = 320, *sizes: int) -> Kind:
    return Kind("rec", "model", 48, width, sizes or (1,))


def entered(clock: FairClock, request: Ticket, expected: float) -> Ticket:
    """Return `request`, let in."""
    clock.enter(request, expected)
    return request


def queue_of(*, max_pixels: int = 10**9, max_delay: float = 0.0) -> tuple[BatchQueue[str], FairClock]:
    clock = FairClock()
    return BatchQueue(clock, max_pixels=max_pixels, max_delay=max_delay), clock


def entries(ticket: Ticket, names: Sequence[str], of: Kind = LINE, *, cost: float = 1.0, at: float = 0.0) -> list:
    return [Entry(of, ticket, cost, at, name) for name in names]


def drain(queue: BatchQueue[str], now: float = 0.0) -> list[list[str]]:
    batches = []
    while batch := queue.take(now):
        batches.append([entry.payload for entry in batch])
    return batches
