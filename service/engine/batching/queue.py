"""The queue of network inputs: which of them are computed next, and which together. Pure; its time is an argument."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from service.engine.batching.fairness import FairClock
from service.engine.ticket import Ticket

Stage = Literal["det", "rec", "cls", "rec2"]
"""`rec2`: what the second recognizer reads again."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind:
    """What inputs must have in common to share a batch."""

    stage: Stage
    model: Hashable
    """Whose network computes them."""
    height: int
    width: int
    """Pixels of the padded input."""
    sizes: tuple[int, ...] = (1,)
    """Inputs that a batch may have, ascending: a few sizes, so that the shapes of batches are few too."""


@dataclass(eq=False, slots=True)
class Entry(Generic[T]):
    """One input that waits. `cost` is in seconds of a stream, `queued` a time of the caller's clock."""

    kind: Kind
    ticket: Ticket
    cost: float
    queued: float
    payload: T


class BatchQueue(Generic[T]):
    """Entries of several requests, handed out in fair order.

    Args:
        clock: ranks the requests; told of what is handed out.
        max_pixels: padded pixels in a batch; an input that is larger by itself goes alone.
        max_delay: seconds that an input may wait for company while its batch is not full.
    """

    def __init__(self, clock: FairClock, *, max_pixels: int, max_delay: float = 0.0) -> None:
        self._clock = clock
        self._max_pixels = max_pixels
        self._max_delay = max_delay
        self._waiting: dict[Ticket, dict[Kind, deque[Entry[T]]]] = {}

    def put(self, entries: Sequence[Entry[T]]) -> None:
        """Add entries; those of one request and kind leave in this order."""
        for entry in entries:
            entry.ticket.claimed += entry.cost
            self._waiting.setdefault(entry.ticket, defaultdict(deque))[entry.kind].append(entry)

    def take(self, now: float) -> list[Entry[T]]:
        """Remove and return the next batch: the input that is first in line, filled up with others of its kind.

        Where the first in line still waits for company, the next kind is looked at; the batch is empty if none is due.
        """
        kind = next((kind for kind in self._kinds() if self._due_at(kind) <= now), None)
        return [] if kind is None else self._remove(kind)

    def drop(self) -> list[Entry[T]]:
        """Remove and return the inputs of requests that are over; called before `take`."""
        over = [ticket for ticket in self._waiting if ticket.over()]
        return [entry for ticket in over for part in self._waiting.pop(ticket).values() for entry in part]

    def due_at(self) -> float | None:
        """Return the time from which `take` has something to give; None while nothing waits."""
        return min(map(self._due_at, self._kinds()), default=None)

    def __len__(self) -> int:
        return sum(len(entries) for kinds in self._waiting.values() for entries in kinds.values())

    def _kinds(self) -> Iterator[Kind]:
        """Give every kind that waits, in the order of the first request that has it."""
        return iter(dict.fromkeys(kind for ticket in self._in_order() for kind in self._waiting[ticket]))

    def _in_order(self) -> list[Ticket]:
        return sorted(filter(self._clock.may_begin, self._waiting), key=lambda ticket: ticket.rank)

    def _due_at(self, kind: Kind) -> float:
        """Return when a batch of `kind` goes: at once if it is full, else when its oldest has waited long enough."""
        waiting = self._waiting.items()
        parts = [kinds[kind] for ticket, kinds in waiting if kind in kinds and self._clock.may_begin(ticket)]
        oldest = min(part[0].queued for part in parts)
        full = sum(map(len, parts)) >= self._size(kind, kind.sizes[-1])
        return oldest if full else oldest + self._max_delay

    def _size(self, kind: Kind, waiting: int) -> int:
        """Return how many of `waiting` inputs go together."""
        fitting = self._max_pixels // (kind.height * kind.width)
        return max(size for size in (1, *kind.sizes) if size == 1 or size <= min(fitting, waiting))

    def _remove(self, kind: Kind) -> list[Entry[T]]:
        tickets = [ticket for ticket in self._in_order() if kind in self._waiting[ticket]]
        count = self._size(kind, sum(len(self._waiting[ticket][kind]) for ticket in tickets))
        batch: list[Entry[T]] = []
        for ticket in tickets:
            entries = self._waiting[ticket][kind]
            while entries and len(batch) < count:
                batch.append(entries.popleft())
            if not entries:
                del self._waiting[ticket][kind]
            if not self._waiting[ticket]:
                del self._waiting[ticket]
        for entry in batch:
            self._clock.spend(entry.ticket, entry.cost)
        return batch
