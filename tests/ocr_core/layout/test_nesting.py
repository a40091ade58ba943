"""Lists within items. A letter is ten wide and rows are 26 apart."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.layout.blocks import find_blocks


def lists(*rows):
    """Return the lists that rows, each a text and its left edge, form: pairs of depth and text of each item."""
    quads, texts = [], []
    top = 100
    for row in rows:
        text, left, *place = row
        top = place[0] if place else top + 26
        right = left + 10 * len(text)
        quads.append(np.array([[left, top], [right, top], [right, top + 20], [left, top + 20]], np.float32))
        texts.append(text)
    return [
        [(depth, " ".join(texts[i] for i in item)) for depth, item in zip(depths, block.items, strict=True)]
        for block in find_blocks(quads, texts).blocks
        if block.kind == "list"
        for depths in [block.depths or (0,) * len(block.items)]
    ]


def test_bullets_and_letters_that_stand_further_in_are_within_the_item_above():
    assert lists(("• one", 10), ("– two", 40), ("– three", 40), ("• four", 10)) == [
        [(0, "• one"), (1, "– two"), (1, "– three"), (0, "• four")]
    ]
    assert lists(("1. one", 10), ("a) two", 40), ("i. three", 70), ("2. four", 10)) == [
        [(0, "1. one"), (1, "a) two"), (2, "i. three"), (0, "2. four")]
    ]


def test_the_first_of_an_inner_list_begins_behind_a_colon_though_the_line_is_full():
    found = lists(("1. an item which says what follows:", 10), ("a) the first of these, as wide as it", 40))
    assert found == [[(0, "1. an item which says what follows:"), (1, "a) the first of these, as wide as it")]]


def test_other_marks_at_the_same_place_begin_another_list():
    assert lists(("• one", 10), ("• two", 10), ("1. three", 10), ("2. four", 10)) == [
        [(0, "• one"), (0, "• two")],
        [(0, "1. three"), (0, "2. four")],
    ]


def test_numbers_that_end_below_each_other_are_of_one_list():
    assert lists(("9. nine", 20), ("10. ten", 10), ("11. eleven", 10)) == [
        [(0, "9. nine"), (0, "10. ten"), (0, "11. eleven")]
    ]


def test_a_list_goes_on_in_the_next_column():
    rows = [("• one", 10), ("– two", 40), ("– three", 540, 100), ("• four", 510)]
    assert lists(*rows) == [[(0, "• one"), (1, "– two"), (1, "– three"), (0, "• four")]]


@pytest.mark.parametrize("row", [("1. alone", 10), ("(a) alone", 10)])
def test_a_number_alone_makes_no_list(row):
    assert lists(row) == []
