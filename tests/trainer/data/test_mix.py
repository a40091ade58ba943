"""The order of samples: exact shares, every sample in turn, a function of the position alone."""

from __future__ import annotations

from collections import Counter

import pytest

from trainer.data.mix import CYCLE, Mix


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1.0], [CYCLE]),
        ([1, 1, 1], [334, 333, 333]),
        ([0.85, 0.1, 0.05], [850, 100, 50]),
        ([1e9, 1.0], [CYCLE - 1, 1]),
    ],
)
def test_shares_of_a_cycle(weights, expected):
    mix = Mix(weights, [None] * len(weights), 0)
    drawn = Counter(mix.locate(position)[0] for position in range(CYCLE))
    assert [drawn[source] for source in range(len(weights))] == expected


def test_a_finite_source_is_gone_through_before_any_sample_returns():
    mix = Mix([1.0], [7], 3)
    turns = [mix.locate(position)[1] for position in range(70)]
    epochs = [turns[start : start + 7] for start in range(0, 70, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_an_endless_source_counts_up_without_gaps():
    mix = Mix([3, 1], [None, 5], 3)
    indices = [index for source, index in map(mix.locate, range(4000)) if source == 0]
    assert indices == list(range(3000))


def test_any_order_of_asking_gives_the_same_answers():
    forward = Mix([2, 1, 1], [None, 10, 3], 5)
    backward = Mix([2, 1, 1], [None, 10, 3], 5)
    positions = range(0, 3000, 7)
    assert [forward.locate(p) for p in positions] == [backward.locate(p) for p in reversed(positions)][::-1]


def test_seeds_differ():
    first, second = (Mix([1, 1], [50, 50], seed) for seed in (0, 1))
    assert [first.locate(p) for p in range(50)] != [second.locate(p) for p in range(50)]
