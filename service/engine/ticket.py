"""How long a request may take, and whether anyone still waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from service.errors import ClientGoneError, DeadlineExceededError, ServiceError

Clock = Callable[[], float]


def client_gone() -> ServiceError:
    """Return the error of a request for which nobody waits any more."""
    return ClientGoneError("the client has closed the connection")


class Ticket:
    """Shared by a request and its jobs in other threads. `deadline` is a time of `clock`, in seconds."""

    def __init__(self, deadline: float, *, clock: Clock = time.monotonic) -> None:
        self.deadline = deadline
        self._clock = clock
        self._reason: Callable[[], ServiceError] | None = None

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
