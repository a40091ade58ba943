"""Counts from which precision, recall and their harmonic mean follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """How many things are there, how many were found, and how many of these match. Tallies of pages add up.

    A ratio over nothing is 1: a page without text that was read as such is read without a fault.
    """

    matched: int = 0
    truth: int = 0
    found: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.matched + other.matched, self.truth + other.truth, self.found + other.found)

    @classmethod
    def of_bags(cls, truth: Iterable[str], found: Iterable[str]) -> Tally:
        """Compare two bags (multisets): an item matches as often as it is in both."""
        a, b = Counter(truth), Counter(found)
        return cls((a & b).total(), a.total(), b.total())

    @property
    def precision(self) -> float:
        """Share of what was found that matches."""
        return self.matched / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is there that was found."""
        return self.matched / self.truth if self.truth else 1.0

    @property
    def hmean(self) -> float:
        """Harmonic mean of precision and recall, also called F1."""
        both = self.truth + self.found
        return 2 * self.matched / both if both else 1.0
