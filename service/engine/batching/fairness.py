"""Whose turn it is: requests in the order in which they would end if all of them shared the machine evenly.

Served in that order, one after the other, no request ends later than it would by sharing, and most end far sooner (the
fair sojourn protocol of Friedman and Henderson, "Fairness and efficiency in web server protocols", 2003). A small
photograph overtakes a long page; a page that has waited for its fair time is not overtaken any more; equal pages are
served as they came. Pure: time passes only as work is handed out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from service.engine.ticket import Ticket
from service.errors import ServiceError

NEW = 1.25
"""Predicted times of a new request are multiplied by this: predictions err, and smaller requests will overtake it."""
FIRM = 1.1
"""The same for one that was let in; the difference is what may overtake it."""
LIGHT = 0.05
"""Seconds of a stream. A request that is expected to cost less, as single lines do, is not refused for the pages beside
it: not while they will keep their deadlines at all, nor because they have taken all of their places."""


class Share:
    """One request's share of the machine. Costs are seconds of one stream."""

    __slots__ = ("_begun", "_expected", "_order", "claimed", "taken", "ticket")

    def __init__(self, ticket: Ticket, *, begun: float, expected: float, order: int) -> None:
        self.ticket = ticket
        self.claimed = 0.0
        """Cost of the work that was handed in so far."""
        self.taken = 0.0
        """Cost of the work that was begun so far."""
        self._begun = begun
        self._expected = expected
        self._order = order

    @property
    def total(self) -> float:
        """Cost of the whole request: what is expected, or what was handed in once that is more."""
        return max(self._expected, self.claimed)

    @property
    def remaining(self) -> float:
        """Cost of what was not begun yet."""
        return max(0.0, self.total - self.taken)

    @property
    def finish(self) -> float:
        """When the request would end by even sharing, in virtual time."""
        return self._begun + self.total

    @property
    def rank(self) -> tuple[float, int]:
        """Place in the order of service, least first; who came first breaks ties."""
        return self.finish, self._order

    def end(self) -> None:
        """Let the cost be what was begun: no more will be."""
        self._expected = 0.0
        self.claimed = self.taken


class FairClock:
    """Keeps the requests in flight and the virtual time: the seconds that each of them would have had by now.

    A request that was served sooner than by even sharing goes on to count in the virtual time until its fair end.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._inside: set[Share] = set()
        self._ended: set[Share] = set()
        self._orders = itertools.count()

    def __len__(self) -> int:
        return len(self._inside)

    def enter(self, ticket: Ticket, expected: float) -> Share:
        """Take in a request that is expected to cost `expected`."""
        share = Share(ticket, begun=self._now, expected=expected, order=next(self._orders))
        self._inside.add(share)
        return share

    def leave(self, share: Share) -> None:
        """Let go of a request that is over."""
        self._inside.discard(share)
        share.end()
        self._ended.add(share)
        self._forget()

    def spend(self, share: Share, cost: float) -> None:
        """Note that work of `cost` was begun for `share`: each request that is fairly unfinished has its part of it."""
        share.taken += cost
        finishes = sorted(other.finish for other in (*self._inside, *self._ended) if other.finish > self._now)
        for ended, finish in enumerate(finishes):
            sharing = len(finishes) - ended
            if (finish - self._now) * sharing >= cost:
                self._now += cost / sharing
                break
            cost -= (finish - self._now) * sharing
            self._now = finish
        self._forget()

    def cancel_all(self, reason: Callable[[], ServiceError]) -> None:
        """Give up every request in flight."""
        for share in self._inside:
            share.ticket.cancel(reason)

    def lateness(self, share: Share, pace: float) -> float:
        """Return the most seconds by which `share`, or one that it makes wait, would miss its deadline; else none.

        Args:
            share: a request that came just now.
            pace: cost of the work that is done in a second.
        """
        firm = FIRM if share.remaining > LIGHT else 1.0
        until = 0.0
        worst = -math.inf
        for other in sorted(self._inside, key=lambda other: other.rank):
            until += other.remaining / pace
            left = other.ticket.remaining()
            if other is share:
                worst = max(worst, NEW * until - left)
            elif other.rank > share.rank and firm * (until - share.remaining / pace) <= left:
                worst = max(worst, firm * until - left)
        return worst

    def backlog(self) -> float:
        """Return the cost of all work that was not begun yet."""
        return sum(share.remaining for share in self._inside)

    def _forget(self) -> None:
        self._ended = {share for share in self._ended if share.finish > self._now}
