"""Which images are worked on and which wait undecoded. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

from service.engine.batching.fairness import Share

T = TypeVar("T")


class Turns(Generic[T]):
    """Lets an image begin while fewer than `slots` images that rank before it are being worked on.

    So long pages that fill all slots keep no small photograph waiting: it ranks before them and begins beside them. How
    many images are worked on is bounded by how many are admitted, not by `slots`.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._waiting: list[tuple[Share, T]] = []
        self._at_work: list[Share] = []

    def put(self, share: Share, job: T) -> None:
        """Add the job for an image; the jobs of one request begin in this order."""
        self._waiting.append((share, job))

    def begin(self) -> tuple[Share, T] | None:
        """Return the next job that may begin now and count it as being worked on; None if there is none."""
        if not self._waiting:
            return None
        first = min(range(len(self._waiting)), key=lambda i: self._waiting[i][0].rank)
        rank = self._waiting[first][0].rank
        if sum(share.rank <= rank for share in self._at_work) >= self._slots:
            return None
        share, job = self._waiting.pop(first)
        self._at_work.append(share)
        return share, job

    def end(self, share: Share) -> None:
        """Note that the work on an image of `share` is over."""
        self._at_work.remove(share)

    def withdraw(self, job: T) -> bool:
        """Take out a job that waits; False if it does not."""
        kept = [(share, other) for share, other in self._waiting if other != job]
        found = len(kept) < len(self._waiting)
        self._waiting = kept
        return found

    @property
    def waiting(self) -> int:
        """Images that have not begun."""
        return len(self._waiting)
