"""Pages that are made for the benchmark of text that stands otherwise than it looks."""

from __future__ import annotations

import numpy as np

from benchmarks.mixed import halves, sheet, side_by_side
from ocr_core.pipeline.result import Line, Page


def test_a_sheet_has_a_title_and_as_many_words_as_it_says():
    pixels, words = sheet(0, 24, 6, 10, title=True, names=True)
    assert words[:2] == ["score", "sheet"]
    assert len(words) == 2 + 10 * 7
    assert all(word.isdigit() == bool(i % 7) for i, word in enumerate(words[2:]))
    assert pixels.min() < 50
    assert (pixels[[0, -1]] == 255).all()
    assert (pixels[:, [0, -1]] == 255).all(), "no text is cut off"


def test_two_pages_stand_side_by_side_the_right_one_upside_down():
    left, right = np.full((4, 3, 3), 7, np.uint8), np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    page = side_by_side(left, right)
    assert page.shape == (4, 6, 3)
    assert (page[:, :3] == 7).all()
    assert np.array_equal(page[:2, 3:], right[::-1, ::-1])


def test_words_are_counted_where_their_line_is():
    def line(text, left):
        quad = np.array([[left, 0], [left + 10, 0], [left + 10, 5], [left, 5]], np.float32)
        return Line(text=text, confidence=1.0, quad=quad, words=())

    page = Page(width=100, height=50, rotation=0, lines=(line("A b", 0), line("c", 60)), seconds={})
    assert halves(page, 50) == (["a", "b"], ["c"])
