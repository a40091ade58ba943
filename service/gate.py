"""Admission of requests: a permit that never blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.errors import OverloadedError


class Gate:
    """Lets at most `limit` requests in at a time. Used from the event loop alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0

    @contextmanager
    def permit(self, retry_after: Callable[[], int]) -> Iterator[None]:
        """Hold one place.

        Raises:
            OverloadedError: all places are taken.
        """
        if self._inside >= self._limit:
            raise OverloadedError("too many requests at a time", retry_after=retry_after())
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
