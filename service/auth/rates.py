"""How often someone may ask: token buckets."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimit:
    """A bucket of tokens for each name: `burst` at most, `rate` more every second; None never refuses.

    Used from the event loop alone.
    """

    def __init__(self, rate: float | None, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> float:
        """Take a token and return 0, or return the seconds until there will be one."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        tokens, since = self._buckets.get(name, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        allowed = tokens >= 1
        self._buckets[name] = (tokens - allowed, now)
        return 0.0 if allowed else (1 - tokens) / self._rate
