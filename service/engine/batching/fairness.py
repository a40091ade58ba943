"""Whose turn it is: least first by arrival plus cost, told by a clock that runs as fast as each one inside gets on.

The clock advances by the work that is begun, divided by the requests inside: by what each of them would have had of it
if they shared the machine evenly. So a small photograph overtakes a long page; a page is not overtaken any more by what
came after each one inside could have had as much as the page costs; equal pages are served as they came. This is fair
queueing (Demers, Keshav and Shenker, "Analysis and simulation of a fair queueing algorithm", 1989) with every request
a flow of its own and, instead of a simulation of who would still be there under even sharing, a count of who is: who
leaves early leaves nothing behind. What can wait, as jobs can, has a lighter share: its work counts as so much more,
and nobody is refused for its deadlines. Pure: time passes only as work is handed out.
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
it, not while they will keep their deadlines at all, nor because they have taken all of their places; and it does not
wait until they were decoded."""


class FairClock:
    """Keeps the requests inside and the time of their arrivals. Costs are seconds of one stream."""

    def __init__(self) -> None:
        self.held = False
        """Whether what yields begins nothing now."""
        self._now = 0.0
        self._inside: set[Ticket] = set()
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._inside)

    @property
    def asked(self) -> bool:
        """Whether anything is inside that does not yield."""
        return any(not ticket.yields for ticket in self._inside)

    def may_begin(self, ticket: Ticket) -> bool:
        """Tell whether work of `ticket` may begin: what yields lets others go first."""
        if not ticket.yields:
            return True
        return not self.held and not any(not other.yields and other.rank < ticket.rank for other in self._inside)

    def enter(self, ticket: Ticket, expected: float) -> None:
        """Take in a request that is expected to cost `expected`."""
        ticket.line_up(arrival=self._now, number=next(self._numbers), expected=expected)
        self._inside.add(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Let go of a request that is over."""
        self._inside.discard(ticket)

    def spend(self, ticket: Ticket, cost: float) -> None:
        """Note that work of `cost` was begun for `ticket`."""
        ticket.taken += cost
        self._now += cost / max(ticket.share, sum(other.share for other in self._inside))

    def cancel_all(self, reason: Callable[[], ServiceError]) -> None:
        """Give up every request inside."""
        for ticket in self._inside:
            ticket.cancel(reason)

    def is_alone(self, ticket: Ticket) -> bool:
        """Tell whether `ticket` is all that there is to do."""
        return not any(other.work_left for other in self._inside if other is not ticket)

    def lateness(self, ticket: Ticket, pace: float) -> float:
        """Return the most seconds by which `ticket`, or one that it makes wait, would miss its deadline; else none.

        Args:
            ticket: a request that came just now.
            pace: cost of the work that is done in a second.
        """
        firm = FIRM if ticket.work_left > LIGHT else 1.0
        until = 0.0
        worst = -math.inf
        for other in sorted(self._inside, key=lambda other: other.rank):
            until += other.work_left / pace
            left = other.remaining()
            if other is ticket:
                worst = max(worst, NEW * until - left)
            elif (
                other.rank > ticket.rank
                and other.share >= ticket.share
                and firm * (until - ticket.work_left / pace) <= left
            ):
                worst = max(worst, firm * until - left)
        return worst

    def backlog(self) -> float:
        """Return the cost of all work that was not begun yet."""
        return sum(ticket.work_left for ticket in self._inside)
