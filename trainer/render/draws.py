"""Cheap draws from a generator; `Generator.choice` costs ten times as much as what it picks for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


def sample_rng(seed: int, index: int) -> np.random.Generator:
    """The generator of one sample: a function of (seed, index) alone, whatever the number of workers."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with `probability`."""
    return bool(rng.random() < probability)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Uniform in [low, high)."""
    return low + (high - low) * float(rng.random())


def rather_low(rng: np.random.Generator, low: float, high: float) -> float:
    """From [low, high], its lower end more often: half of the draws fall into the lowest quarter."""
    return low + (high - low) * float(rng.random()) ** 2


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """An integer of [low, high], both ends included."""
    return low + int(rng.random() * (high - low + 1))


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of `items`, each as likely."""
    return items[int(rng.random() * len(items))]


class Weighted(Generic[T]):
    """Items drawn in proportion to their weights."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        kept = {item: weight for item, weight in weights.items() if weight > 0}
        self.items = tuple(kept)
        self._cumulative = list(accumulate(kept.values()))

    def draw(self, rng: np.random.Generator) -> T:
        """One of the items."""
        position = bisect_right(self._cumulative, float(rng.random()) * self._cumulative[-1])
        return self.items[min(position, len(self.items) - 1)]
