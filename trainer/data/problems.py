"""Bad data, counted and listed: a set with a few broken rows still trains, and its owner learns which they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "unreadable image", "crossing polygon", "too small", "outside the charset", "too long for its width", "no text"
]
LISTED = 1000


@dataclass
class Problems:
    """What was skipped and why; the first thousand places are kept."""

    counts: Counter[Kind] = field(default_factory=Counter)
    places: list[tuple[Kind, str]] = field(default_factory=list)

    def add(self, kind: Kind, place: str) -> None:
        """Count one skipped sample at `place` (image and line)."""
        self.counts[kind] += 1
        if len(self.places) < LISTED:
            self.places.append((kind, place))

    def listing(self) -> str:
        """Return one row for each place that was kept."""
        return "".join(f"{kind}\t{place}\n" for kind, place in self.places)

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items())) or "none"
