"""The first images of a new version, with the one before it at hand. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from service.engine.models.loaded import Loaded

LENGTH = 100
"""Images that a version has read when it has proved itself."""
TOLERATED = 5
"""Failures on trial that do not yet speak against it."""


class Verdict(Enum):
    """What is known of a version on trial."""

    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What one request says of the model that read its images. What never reached the networks says nothing."""

    read: int
    """Images that were read."""
    failed: int
    """Images that it could not read by a fault of its own, and the version before could."""
    late: bool
    """Whether the deadline passed while it was reading."""


@dataclass(kw_only=True, slots=True)
class Trial:
    """A version on trial and the proven one to fall back on.

    Nobody knows whether the version before would have kept a deadline that the new one missed. So deadlines speak
    against the new one as far as it misses more of them than the other did in its last hundred requests.
    """

    model: Loaded
    fallback: Loaded
    read: int = 0
    failed: int = 0
    late: int = 0

    def record(self, evidence: Evidence) -> Verdict:
        """Take note of one request."""
        self.read += evidence.read
        self.failed += evidence.failed
        self.late += evidence.late
        if self.failed + max(0, self.late - self.fallback.lately_late()) > TOLERATED:
            return Verdict.FAILED
        return Verdict.PASSED if self.read >= LENGTH else Verdict.OPEN
