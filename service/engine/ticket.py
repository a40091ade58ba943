"""A request as the engine knows it: how long it may take, whether anyone waits for it, its place in the order."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.errors import ClientGoneError, DeadlineExceededError, ServiceError

Clock = Callable[[], float]


def client_gone() -> ServiceError:
    """Return the error of a request for which nobody waits any more."""
    return ClientGoneError("the client has closed the connection")


class Ticket:
    """Shared by a request and its jobs in other threads.

    Costs are seconds of one stream; they and the place in the order are changed under the scheduler's lock alone.

    Args:
        deadline: a time of `clock`, in seconds.
        whole: the request that this is a part of: once that is over, this is.
        share: of the machine, beside requests of which each has one; less for what can wait.
    """

    def __init__(
        self, deadline: float, *, clock: Clock = time.monotonic, whole: Ticket | None = None, share: float = 1.0
    ) -> None:
        self.deadline = deadline
        self.share = share
        self.claimed = 0.0
        """Cost of the work that was handed in so far."""
        self.taken = 0.0
        """Cost of the work that was begun so far."""
        self._clock = clock
        self._whole = whole
        self._reason: Callable[[], ServiceError] | None = None
        self._arrival = 0.0
        self._number = 0
        self._expected = 0.0

    @property
    def yields(self) -> bool:
        """Whether nobody waits for it who would mind: it begins nothing while others are inside whose turn it is."""
        return self.share < 1

    def part(self, seconds: float, *, among: int = 1) -> Ticket:
        """Return a ticket for a part of the request, which has so many seconds from now, with a lighter share more.

        What yields has one share for as many parts as are under way at a time, `among`.
        """
        end = self._clock() + seconds / self.share
        share = self.share / among if self.yields else self.share
        return Ticket(min(self.deadline, end), clock=self._clock, whole=self, share=share)

    def remaining(self) -> float:
        """Return the seconds left, never negative."""
        return max(0.0, self.deadline - self._clock())

    def cancel(self, reason: Callable[[], ServiceError] = client_gone) -> None:
        """Give up, by default since nobody waits any more; work that has not begun will not begin."""
        self._reason = reason

    def over(self) -> ServiceError | None:
        """Return why the work is not worth doing any more, None while it is. The error is a new one each time."""
        if self._reason is not None:
            return self._reason()
        if self._whole is not None and (reason := self._whole.over()) is not None:
            return reason
        if not self.remaining():
            return DeadlineExceededError("the deadline has passed")
        return None

    def check(self) -> None:
        """Raise unless the work is still worth doing; called when dequeued and between stages.

        Raises:
            DeadlineExceededError: its time is over.
            ServiceError: why it was given up, mostly ClientGoneError.
        """
        reason = self.over()
        if reason is not None:
            try:
                raise reason
            finally:
                del reason  # its traceback holds this frame, which must not hold it

    def require_wanted(self) -> None:
        """Raise if somebody gave up, whatever the time.

        Raises:
            ServiceError: why.
        """
        if self._reason is not None:
            raise self._reason()

    def line_up(self, *, arrival: float, number: int, expected: float) -> None:
        """Take a place in the order of service: what is expected to cost `expected` came at `arrival`, as `number`."""
        self._arrival, self._number, self._expected = arrival, number, expected

    @property
    def cost(self) -> float:
        """Cost of the whole request: what is expected, or what was handed in once that is more."""
        return max(self._expected, self.claimed)

    @property
    def work_left(self) -> float:
        """Cost of what was not begun yet."""
        return max(0.0, self.cost - self.taken)

    @property
    def rank(self) -> tuple[float, int]:
        """Place in the order of service, least first; who came first breaks ties."""
        return self._arrival + self.cost / self.share, self._number
