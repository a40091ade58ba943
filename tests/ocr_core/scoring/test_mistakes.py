"""What counts as a mistake, and what a labelled line is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.scoring import Region
from ocr_core.scoring.mistakes import Mistake, by_line, by_word


def box(left: float, top: float, width: float, height: float, text: str) -> Region:
    right, bottom = left + width, top + height
    return Region(((left, top), (right, top), (right, bottom), (left, bottom)), text)


def test_lines_are_compared_with_what_was_read_in_their_place():
    labels = [box(0, 0, 100, 20, "TOTAL 9.80"), box(0, 40, 100, 20, "CASH"), box(0, 80, 100, 20, "CHANGE")]
    found = [box(2, 41, 98, 20, "CASA"), box(0, 1, 99, 19, "TOTAL 9.80")]
    assert by_line(labels, found) == ["TOTAL 9.80", "CASA", ""]


def test_words_are_compared_with_the_most_similar_word_of_the_lines_over_them():
    labels = [box(0, 0, 40, 20, "Name:"), box(50, 0, 40, 20, "Smith"), box(0, 90, 40, 20, "Date")]
    found = [box(0, 0, 100, 20, "Nane: Smith"), box(0, 40, 100, 20, "Date")]
    assert by_word(labels, found) == ["nane:", "smith", ""]


@pytest.mark.parametrize(
    ("label", "found", "distance"),
    [("TOTAL 9.80", "Total9.80", 0), ("TOTAL", "TOTAI", 1), ("CASH", "", 4)],
)
def test_the_distance_ignores_case_and_white_space(label, found, distance):
    assert Mistake(Path("x.png"), None, label, found).distance == distance
