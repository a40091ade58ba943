"""The first requests of a new version, with the one before it at hand. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from service.engine.models.loaded import Loaded

LENGTH = 100
"""Requests after which a version has proved itself."""
TOLERATED = 5
"""Of them may fail by the engine's fault."""


class Verdict(Enum):
    """What is known of a version on trial."""

    OPEN = "open"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(kw_only=True, slots=True)
class Trial:
    """A version on trial and the proven one to fall back on."""

    model: Loaded
    fallback: Loaded
    requests: int = 0
    faults: int = 0

    def record(self, *, fault: bool) -> Verdict:
        """Count one request."""
        self.requests += 1
        self.faults += fault
        if self.faults > TOLERATED:
            return Verdict.FAILED
        return Verdict.PASSED if self.requests >= LENGTH else Verdict.OPEN
