"""Which labels are covered and read, by their height."""

from __future__ import annotations

from benchmarks.coverage import counted, rows_of
from ocr_core.scoring import Region


def region(text, left, width, height, *, ignore=False):
    return Region(((left, 0), (left + width, 0), (left + width, height), (left, height)), text, ignore)


def test_labels_are_covered_and_read_by_the_line_that_lies_on_them():
    labels = [
        region("one", 0, 40, 10),
        region("two", 100, 60, 20),
        region("three", 200, 60, 40),
        region("?", 0, 40, 10, ignore=True),
    ]
    found = [region("the one", 0, 60, 10), region("tw0", 100, 40, 20), region("three", 240, 60, 40)]
    assert list(counted(labels, found)) == [(0, True, True), (2, True, False), (3, False, False)]
    assert list(counted(labels[:1], [])) == [(0, False, False)]


def test_shares_are_of_the_labels_of_a_height():
    rows = rows_of("m", [(0, True, True), (0, True, False), (3, False, False)])
    assert rows == [["m", "below 12", 2, 1.0, 0.5], ["m", "32 and more", 1, 0.0, 0.0]]
