from __future__ import annotations

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.drawn_tables import KINDS, Cell, draw
from benchmarks.tables import Reader, markdown_tables, measure, relations, score
from ocr_core.pipeline.result import Line, Page, Word

GRID = [Cell("a", 0, 0), Cell("b", 0, 1, 2), Cell("c", 1, 0), Cell("d", 1, 2), Cell("e", 2, 1)]
"""a b b / c - d / - e -"""


def test_neighbours_are_the_next_cells_that_are_not_empty():
    assert set(relations(GRID)) == {
        ("across", "a", "b"),
        ("across", "c", "d"),
        ("down", "a", "c"),
        ("down", "b", "d"),
        ("down", "b", "e"),
    }


def test_a_head_over_two_columns_is_above_both_but_once_above_another_such():
    wide = [Cell("a", 0, 0, 2), Cell("b", 1, 0, 2), Cell("c", 2, 0), Cell("d", 2, 1)]
    down = {("down", "a", "b"): 1, ("down", "b", "c"): 1, ("down", "b", "d"): 1}
    assert relations(wide) == down | {("across", "c", "d"): 1}


def test_what_is_no_neighbour_costs_precision_and_what_is_not_found_recall():
    tally = score(GRID, [[Cell("A", 0, 0), Cell("b", 0, 1), Cell("x", 1, 0)], [Cell("y", 0, 0), Cell("z", 0, 1)]])
    assert (tally.matched, tally.found, tally.truth) == (1, 3, 5)
    assert score([], []).hmean == 1


def test_tables_are_taken_out_of_markdown():
    written = "text | no table\n\n| a \\| b |  |\n| --- | --- |\n|  | 2\\*3 |\n\n| --- |"
    assert list(markdown_tables(written)) == [[Cell("a | b", 0, 0), Cell("2*3", 1, 1)]]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_drawn_alike_each_time_and_prose_has_no_cells(kind):
    page, again, other = draw(kind, 3), draw(kind, 3), draw(kind, 4)
    assert page.cells == again.cells
    assert page.image.tobytes() == again.image.tobytes() != other.image.tobytes()
    assert (not page.cells) == kind.startswith("prose")
    places = [(cell.row, column) for cell in page.cells for column in range(cell.column, cell.column + cell.span)]
    assert len(set(places)) == len(places)


class Engine:
    """Reads every page as three lines of a word and an amount, far apart."""

    def __init__(self):
        self.reads = 0

    def read(self, image, options):
        assert options.words
        self.reads += 1
        return Page(width=image.width, height=image.height, rotation=0, lines=tuple(map(self._line, range(3))))

    @staticmethod
    def _line(row):
        def box(left, right):
            return np.array([[left, 40 * row], [right, 40 * row], [right, 40 * row + 20], [left, 40 * row + 20]], "f4")

        words = (
            Word(text="Total", confidence=0.9, quad=box(0, 50)),
            Word(text=f"{row}.50", confidence=0.9, quad=box(150, 190)),
        )
        return Line(text=f"Total {row}.50", confidence=0.9, quad=box(0, 190), words=words)


def test_pages_are_read_once_and_laid_out_anew(tmp_path, monkeypatch):
    engine = Engine()
    monkeypatch.setattr(tables.ocr_core, "load", lambda model, store: engine)
    for _ in range(2):
        figures = measure("prose-short", [1, 2], Reader(tmp_path / "read", "fake", "models"), tmp_path / "shown")
        assert engine.reads == 2
    assert figures == {"kind": "prose-short", "pages": 2, "none": 0}
    assert {path.suffix for path in (tmp_path / "shown").iterdir()} == {".md", ".png"}
    assert (tmp_path / "shown" / "prose-short-1.md").read_text().startswith("| Total | 0.50 |")
