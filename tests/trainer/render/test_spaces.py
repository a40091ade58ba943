"""Which spaces of a line are seen, told by where its characters stand."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.render.spaces import are_seen, in_columns


def columns(text, *, at=0.0, pitch=10.0, ink=6.0):
    """What a PDF says of a listing: a space between any two letters, which stand in columns."""
    letters = [(c, at + pitch * i) for i, c in enumerate(text) if c != " "]
    spans = []
    for _, left in letters:
        spans += [(left, left + ink), (left + ink, left + ink)]
    return " ".join(c for c, _ in letters), np.array(spans[:-1], np.float32)


HEIGHT = 12.0


def shown(text, spans, height=HEIGHT):
    kept = in_columns(text, spans, height)
    return None if kept is None else "".join(text[at] for at in kept)


@pytest.mark.parametrize("text", ["randn(six);", "x = map(b)", "while n > 10"])
def test_a_listing_keeps_the_spaces_that_leave_a_column_free(text):
    spelled, spans = columns(text)
    assert not are_seen(spelled, spans)
    assert shown(spelled, spans) == text


def test_a_lines_number_stands_as_it_likes():
    spelled, spans = columns("end of it", at=33.7)
    number = np.array([(0, 6), (6, 12), (12, 12)], np.float32)
    spans = np.vstack([number, spans])
    assert shown("15 " + spelled, spans) == "15 end of it"
    assert shown("1 5 " + spelled, np.vstack([number[:1], number[2:], number[1:] + 12, spans + 40])) is None


def test_words_with_spaces_are_left_alone():
    text = "the sum of it"
    spans = np.array([(6 * i, 6 * i + 5) for i in range(len(text))], np.float32)
    assert are_seen(text, spans)
    even = np.array([(7.3 * i * (1 + 0.03 * i), 7.3 * i * (1 + 0.03 * i) + 5) for i in range(25)], np.float32)
    assert in_columns("a b c d e f g h i j k l m", even, HEIGHT) is None
    assert shown(*columns("x = a + b")) is None, "each other column is free"
    assert in_columns("a b", even[:3], HEIGHT) is None, "too few to tell"


def test_letters_with_spaces_between_them_are_no_listing():
    spelled, spans = columns("abcd", pitch=10.0, ink=5.5)
    assert shown(spelled, spans, height=13.0) == "abcd"
    assert shown(spelled, spans, height=8.8) is None, "as 12 points of Helvetica are"
    free, spans = columns("ab cd", pitch=10.0, ink=9.5)
    assert shown(free, spans, height=8.8) == "ab cd"
