"""When to try again, and when to give up."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from ocr_client.errors import (
    DeadlineExceededError,
    ForeignAnswerError,
    OcrError,
    ServiceError,
    TransportError,
    UnsendableError,
)

AGAIN = frozenset({408, 429, 502, 503})
"""Statuses that say that a later try may do. Reading changes nothing and jobs are submitted with a key: both may be
asked for twice. Cancelling may not, since that removes a job which has ended: it is looked at in between."""
_LONGEST = 10.0**9
"""Seconds; systems refuse to wait much longer. None is for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """How often a request is sent again that found no place, no service or no connection."""

    times: int = 3
    """Tries after the first one; 0 never tries again."""
    first_wait: float = 0.5
    """Seconds before the second try where the service names none; doubled each time, half of it by chance."""
    longest_wait: float = 60.0
    """Seconds; who is told to wait longer gives up at once, rather than to ask before it is time."""
    spread: float = 0.25
    """Waits that the service names become longer by up to this share, so that not all clients come back together, but
    not longer than `longest_wait`."""

    def wait(self, error: OcrError, tries: int) -> float | None:
        """Return how many seconds to wait after `tries` tries, of which the last ended with `error`; None: give up."""
        if tries > self.times or not may_pass(error):
            return None
        told = error.retry_after if isinstance(error, ServiceError) else None
        if told is None:
            return min(self.longest_wait, self.first_wait * 2.0 ** min(tries - 1, 99)) * random.uniform(0.5, 1)
        if told > self.longest_wait:
            return None
        return min(self.longest_wait, told * random.uniform(1, 1 + self.spread))


class Deadline:
    """When a call must be over, all its tries and waits included.

    Args:
        seconds: from now; None: never.
    """

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and not 0 < seconds <= _LONGEST:
            raise ValueError(f"a timeout of {seconds} seconds")
        self._end = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Return the seconds left; None: no deadline.

        Raises:
            DeadlineExceededError: there are none.
        """
        left = self.left()
        if left is not None and left <= 0:
            raise DeadlineExceededError("the time of this call is over")
        return left

    def left(self) -> float | None:
        """Return the seconds left, none or fewer once it has passed; None: no deadline."""
        return None if self._end is None else self._end - time.monotonic()

    def within(self, seconds: float | None) -> float | None:
        """Return how many seconds a step may take that is to take `seconds` at most; None: any.

        Raises:
            DeadlineExceededError: there are none left.
        """
        left = self.remaining()
        return left if seconds is None else seconds if left is None else min(left, seconds)

    def allows(self, wait: float) -> bool:
        """Tell whether time is left after `wait` seconds."""
        return self._end is None or time.monotonic() + wait < self._end


def may_pass(error: OcrError) -> bool:
    """Tell whether the same request may do later."""
    if isinstance(error, ServiceError):
        return error.status in AGAIN
    return isinstance(error, TransportError) and not isinstance(error, (ForeignAnswerError, UnsendableError))
