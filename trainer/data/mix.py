"""Which sample stands at which position of an endless weighted mix, computed and never stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.render.draws import sample_rng

CYCLE = 1000
"""Positions after which every source has had its exact share."""


class Mix:
    """An endless order over several sources.

    Each cycle of `CYCLE` positions holds every source in proportion to its weight, shuffled. A source of n samples is
    gone through in a fresh permutation each time, so that none is seen twice before all were seen once.
    """

    def __init__(self, weights: Sequence[float], sizes: Sequence[int | None], seed: int) -> None:
        """`sizes`: samples of each source, None where they never end."""
        self.seed = seed
        self.sizes = tuple(sizes)
        self.counts = _shares(weights)
        self._cycle: tuple[int, np.ndarray] | None = None
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def locate(self, position: int) -> tuple[int, int]:
        """Return (source, index within the source) of a position >= 0."""
        cycle, slot = divmod(position, CYCLE)
        order = self._slots(cycle)
        source = int(order[slot])
        turn = cycle * self.counts[source] + int(np.count_nonzero(order[:slot] == source))
        size = self.sizes[source]
        if size is None:
            return source, turn
        epoch, index = divmod(turn, size)
        return source, int(self._permutation(source, epoch, size)[index])

    def _slots(self, cycle: int) -> np.ndarray:
        if self._cycle is None or self._cycle[0] != cycle:
            order = np.repeat(np.arange(len(self.counts)), self.counts)
            self._cycle = cycle, sample_rng(self.seed, cycle).permutation(order)
        return self._cycle[1]

    def _permutation(self, source: int, epoch: int, size: int) -> np.ndarray:
        kept = self._orders.get(source)
        if kept is None or kept[0] != epoch:
            rng = sample_rng(self.seed + 1 + source, epoch)
            kept = self._orders[source] = epoch, rng.permutation(size)
        return kept[1]


def _shares(weights: Sequence[float]) -> list[int]:
    """Split CYCLE in proportion to the weights by largest remainders; every source gets at least one position."""
    exact = np.asarray(weights, np.float64) / np.sum(weights) * CYCLE
    counts = np.maximum(np.floor(exact), 1).astype(int)
    for index in np.argsort(np.floor(exact) - exact)[: max(CYCLE - int(counts.sum()), 0)]:
        counts[index] += 1
    counts[int(np.argmax(counts))] += CYCLE - int(counts.sum())
    return [int(count) for count in counts]
