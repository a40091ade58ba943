from __future__ import annotations

import cv2

from benchmarks.drawn import draw_set
from benchmarks.pipeline import in_turn
from ocr_core.scoring import PageRow, PageSet


def test_pages_are_taken_from_the_sets_in_turn(tmp_path):
    sets = [
        PageSet(tmp_path / "one", (PageRow("a", ()), PageRow("b", ()))),
        PageSet(tmp_path / "two", (PageRow("c", ()),)),
    ]
    assert [(pages.name, row.image) for pages, row in in_turn(sets)] == [("one", "a"), ("two", "c"), ("one", "b")]


def test_drawn_lines_stand_where_their_labels_say(tmp_path):
    pages = draw_set(tmp_path, 2)
    for row in pages.rows:
        pixels = cv2.imread(str(pages.path(row)), cv2.IMREAD_GRAYSCALE)
        paper = int(pixels[0, 0])
        assert len(row.lines) > 10
        for line in row.lines:
            (left, top), _, (right, bottom), _ = line.points
            inside = pixels[int(top) : int(bottom) + 8, int(left) : int(right)]
            assert inside.min() < paper - 100
            assert pixels[int(top) : int(bottom), int(right) + 4 :].min() > paper - 60
