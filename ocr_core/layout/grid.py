"""The columns of a table, and what of a row stands in which."""

from __future__ import annotations

import math
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.boxes import NARROWED, Row, Strip, Word
from ocr_core.layout.strips import NEAR, crossed

ALIGNED = 0.6
"""Greatest distance of a cell's left edge, right edge or centre from that of its column, in heights of a row; of the
cells of a column to each other, greatest median of it."""
CENTRED = 1.0
"""The same of a cell that spans columns."""

WIDER = 1.15
"""Spaces between words in two cells are so many times as wide as those within."""

CLEAR = 1.0
"""Where neither is a number, nor the row a head, the space between them is at least as many heights."""

Edges = NDArray[np.float64]
"""N×2: left and right."""


class Part(NamedTuple):
    """Words of a line that stand in one cell."""

    line: int
    start: int
    """Its first word,"""
    stop: int
    """and the one behind its last."""


class Cell(NamedTuple):
    """Words of a run, and the columns that they stand in."""

    words: tuple[Word, ...]
    column: int
    last: int

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.words[0].left

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.words[-1].right

    @property
    def has_number(self) -> bool:
        """Whether it begins or ends with a number."""
        return self.words[0].is_number or self.words[-1].is_number

    @property
    def space(self) -> float:
        """The widest space between its words; negative where it has but one."""
        return max((b.left - a.right for a, b in pairwise(self.words)), default=-math.inf)

    def parts(self) -> list[Part]:
        """Return its words by line."""
        lines = (list(words) for _, words in groupby(self.words, key=lambda word: word.line))
        return [Part(words[0].line, words[0].number, words[-1].number + 1) for words in lines]


class Grid:
    """The columns that strips part, and the edges of their cells.

    Args:
        strips: from left to right, at least one.
        rows: that have these columns; some may have cells that span them.
    """

    def __init__(self, strips: Sequence[Strip], rows: Iterable[Row]) -> None:
        self._strips, self._rows = strips, tuple(rows)
        self._middles = [(strip.left + strip.right) / 2 for strip in strips]
        placed = [(row, self._cut(row)) for row in self._rows]
        self._height = float(np.median([row.height for row, _ in placed]))
        # Lines below a table, which may yet prove to be none of it, and what strips cut out of lines, have less to say.
        sure = [cell for row, cells in placed if runs_of(row) > 1 for cell in _whole(cells)]
        every = edges_of(cell for _, cells in placed for cell in cells)
        self._edges = every | {column: edges for column, edges in edges_of(sure).items() if len(edges) > 1}
        self._rights = {column: float(edges[:, 1].max()) for column, edges in every.items()}

    def without_first(self) -> Grid:
        """Return the grid as all rows but the first make it."""
        return Grid(self._strips, self._rows[1:])

    def place(self, row: Row, *, head: bool = False) -> list[Cell]:
        """Return the cells of a row.

        A run is cut at strips where what is on both sides is aligned with its column, and the space is wider than
        others. In a `head` that is enough; elsewhere the space must be wider than usual ones too, or beside a number.
        """
        cells: list[Cell] = []
        for cell in self._cut(row):
            if (
                cells
                and cells[-1].words[0].run == cell.words[0].run
                and not self._part(cells[-1], cell, row, head=head)
            ):
                cells[-1] = self._cell((*cells[-1].words, *cell.words), row)
            else:
                cells.append(cell)
        return cells

    def fits(self, cell: Cell, height: float) -> bool:
        """Whether a cell stands at the left, at the right or in the middle of its columns."""
        first, last = self._edges.get(cell.column), self._edges.get(cell.last)
        if first is None or last is None:
            return False
        spans = [(first[:, 0].min(), last[:, 1].max())]
        if cell.column == cell.last:
            spans.append((np.median(first[:, 0]), np.median(first[:, 1])))
        apart = [
            abs(value)
            for left, right in spans
            for value in (cell.left - left, cell.right - right, (cell.left + cell.right - left - right) / 2)
        ]
        return bool(min(apart) <= (ALIGNED if cell.column == cell.last else CENTRED) * height)

    def alignment(self, column: int) -> float:
        """Return the share of a column's cells that stand as most of them do; 0 where it has not two."""
        edges = self._edges.get(column)
        if edges is None or len(edges) < 2:
            return 0.0
        values = np.column_stack((edges, edges.mean(axis=1)))
        return float((np.abs(values - np.median(values, axis=0)) <= CENTRED * self._height).mean(axis=0).max())

    def right(self, column: int) -> float:
        """Return the right edge of a column."""
        return self._rights[column]

    def holds(self, cell: Cell, height: float) -> bool:
        """Whether a cell does not reach beyond the last column, give or take some heights."""
        return cell.right <= max(float(edges[:, 1].max()) for edges in self._edges.values()) + CENTRED * height

    def _part(self, left: Cell, right: Cell, row: Row, *, head: bool) -> bool:
        """Whether two pieces of a run are cells of their own."""
        if not self.fits(right, row.height):
            return False
        last, first, apart = left.words[-1], right.words[0], right.left - left.right
        if not head and (last.is_number or (first.is_number and not last.is_mark)):
            return True
        margins = 2 * NARROWED * row.height
        wider = apart + margins >= WIDER * (max(left.space, right.space) + margins)
        return wider and (head or apart >= CLEAR * row.height) and self.fits(left, row.height)

    def _cut(self, row: Row) -> list[Cell]:
        """Return the runs of a row, cut wherever a strip lies between their words."""
        spanned = crossed(self._strips, row)
        free = [middle for i, middle in enumerate(self._middles) if i not in spanned]
        groups = groupby(row.words, key=lambda word: (word.run, bisect(free, (word.left + word.right) / 2)))
        return [self._cell(tuple(words), row) for _, words in groups]

    def _cell(self, words: tuple[Word, ...], row: Row) -> Cell:
        left, right, slack = words[0].left, words[-1].right, NEAR * row.height
        column = bisect(self._middles, min(left + slack, (left + right) / 2))
        return Cell(words, column, max(column, bisect(self._middles, max(right - slack, (left + right) / 2))))


def runs_of(row: Row) -> int:
    """Return how many runs of words a row has."""
    return len({word.run for word in row.words})


def deviation(edges: Edges) -> float:
    """Return the least median deviation of cells' left edges, right edges and centres."""
    values = np.column_stack((edges, edges.mean(axis=1)))
    return float(np.median(np.abs(values - np.median(values, axis=0)), axis=0).min())


def edges_of(cells: Iterable[Cell]) -> dict[int, Edges]:
    """Return the edges of the cells of each column, but for those that span columns."""
    edges: dict[int, list[tuple[float, float]]] = {}
    for cell in cells:
        if cell.column == cell.last:
            edges.setdefault(cell.column, []).append((cell.left, cell.right))
    return {column: np.array(values) for column, values in edges.items()}


def _whole(cells: Sequence[Cell]) -> list[Cell]:
    """Return those cells of a row that are all of their run."""
    pieces = Counter(cell.words[0].run for cell in cells)
    return [cell for cell in cells if pieces[cell.words[0].run] == 1]
