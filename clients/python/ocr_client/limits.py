"""How long one try may wait: httpx limits each write and each read, so a call's own time is looked at between them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import httpx

from ocr_client.retries import Deadline

SILENCE = 1860.0
"""Seconds without a byte after which a call without a `timeout` gives up: a minute more than the service's longest
deadline, since a document that is asked for as a whole is silent until it is read."""
CONNECT = 10.0
"""Seconds for a connection."""
_LEAST = 0.001
"""Seconds; with none at all a system would not even take what has come."""


def limits_of(deadline: Deadline) -> tuple[dict[str, Any], dict[str, str]]:
    """Return how long each step of one try may wait, as httpx takes it, and the header that tells the service.

    Raises:
        DeadlineExceededError: there is no time left.
    """
    left = deadline.remaining()
    if left is None:
        return httpx.Timeout(SILENCE, connect=CONNECT).as_dict(), {}
    told = {"X-Request-Timeout-Ms": str(max(1, int(left * 1000)))}
    return httpx.Timeout(left, connect=min(left, CONNECT)).as_dict(), told


def shortening(limits: dict[str, Any], deadline: Deadline) -> Callable[[str, Any], None]:
    """Return a hook for httpx that leaves each step of a request what the steps before it left of the time.

    The steps are the connection, what is sent, the head of the answer and its body. It raises nothing, since httpx
    calls it while it closes connections too.
    """

    def shorten(_step: str, _told: object) -> None:
        left = deadline.left()
        if left is not None:
            limits.update({name: max(_LEAST, min(seconds, left)) for name, seconds in limits.items()})

    return shorten


class Pieces(io.BytesIO):
    """A file that httpx sends piece by piece, no piece after the deadline."""

    def __init__(self, data: bytes, deadline: Deadline) -> None:
        super().__init__(data)
        self._deadline = deadline

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next piece.

        Raises:
            DeadlineExceededError: there is no time left.
        """
        self._deadline.remaining()
        return super().read(size)
