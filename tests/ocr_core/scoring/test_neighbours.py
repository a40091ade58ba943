from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.scoring.neighbours import neighbours

texts = st.text("abcde", max_size=12)


@pytest.mark.parametrize(
    ("truth", "found", "kept", "possible", "reason"),
    [
        ("", "", 0, 0, "nothing there"),
        ("abc", "", 0, 0, "nothing read"),
        ("", "abc", 0, 0, "nothing to read"),
        ("abcd", "abcd", 3, 3, "the same"),
        ("abcd", "dcba", 0, 3, "backwards"),
        ("abcd", "cdab", 2, 3, "two columns changed places"),
        ("abcdef", "adbecf", 0, 5, "two columns read across"),
        ("abcd", "abxd", 1, 1, "a word that was not read costs nothing"),
        ("abcd", "abxxd", 1, 1, "in whatever pieces it was read"),
        ("abcd", "axd", 0, 0, "nor two that were read as one"),
        ("abcd", "abxcd", 2, 3, "what is not there breaks a pair"),
        ("abac", "abac", 3, 3, "a repeated word has several neighbours"),
        ("abac", "acab", 2, 3, "and may take part with any of them"),
        ("abac", "bac", 2, 2, "but no more often than it was read"),
    ],
)
def test_pairs_worked_out_by_hand(truth, found, kept, possible, reason):
    tally = neighbours(truth, found)
    assert (tally.matched, tally.truth) == (kept, possible)


@given(texts, texts)
def test_no_answer_keeps_more_than_is_possible(truth, found):
    tally = neighbours(truth, found)
    assert 0 <= tally.matched <= tally.truth <= max(len(truth) - 1, 0)


@given(texts)
def test_the_truth_keeps_all(truth):
    assert neighbours(truth, truth).recall == 1


@given(texts, texts, st.randoms(use_true_random=False))
def test_what_is_possible_does_not_depend_on_the_order_of_the_answer(truth, found, random):
    shuffled = random.sample(found, len(found))
    assert neighbours(truth, shuffled).truth == neighbours(truth, found).truth
