"""Tables by alignment: rows of cells one above the other, with free strips between the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np

from ocr_core.layout.boxes import Row, Strip
from ocr_core.layout.grid import ALIGNED, Cell, Grid, Part, deviation, edges_of, runs_of
from ocr_core.layout.strips import MOST_WORDS, follows, grow

SHARE = 0.2
"""Least share of the rows of two lines or more that a strip parts."""
PROVED_SHARE = 0.25
"""Of the rows that a strip parts, least share in which it parts lines, where it is no strip beside figures."""
FIGURES = 0.6
"""Of the rows in which a strip parts words of one line, least share in which one of them is a figure,"""
FIGURE_ROWS = 3
"""and least rows that it parts then."""
IN_LINE = 0.5
"""Least share of a column's cells, but for the first column, that are aligned."""
HEADS = 2
"""Most rows of heads above the first row that has all columns."""
CONTINUED = 0.85
"""A lone line this much nearer to the row above than rows are to each other may go on with that row's cell."""
NEARER = 0.85
"""A lone line this much nearer to the row below than to the one above is of a cell of that row."""
WRAPPED = 1.5
"""The last line of a table goes on with a cell if it is at most so many heights below the row above."""
NUMBERS = 0.6
"""Least share of numbers in a column of numbers."""
MOST_LONE = 3
"""Most lines that follow each other in the first column with nothing beside them."""
FULL = 1 / 3
"""Least share of rows with two cells or more."""
PASSED_OVER = 8
"""Of rows that share strips but are no table this part is not tried again,"""
LONG = 64
"""and this where only the first may be none of a table's: so the time grows with the rows, not with their square."""
MOST_COLUMNS = 50
MOST_PAGE_WORDS = 12_500
"""On pages of more words than any printed one has tables are not looked for,"""
MOST_WORK = 8 * MOST_PAGE_WORDS
"""and no more of them once so many words were looked at, each as often as it was: a printed page takes up to eight
looks a word."""

Cells = tuple[tuple[tuple[Part, ...], ...], ...]
"""Rows of cells of parts of lines."""


class Tables:
    """Finds the tables of a page.

    Args:
        rows: of the page, those beside each other one.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._grown: dict[int, tuple[int, list[Strip]]] = {}
        self._work = 0 if sum(row.word_count for row in rows) <= MOST_PAGE_WORDS else MOST_WORK

    def at(self, start: int) -> tuple[int, Cells]:
        """Return the table that begins with the row `start`: the row behind its last, and its cells.

        Where none begins there are no cells, and the rows up to the one returned need not be tried.

        A table has at least two rows with two cells or more, and cells of its columns are aligned at their left, at
        their right or at their centres: of one column where it has three such rows, else of two. A line alone in its
        row is part of it if it stands within one column. Rows at its top may be heads, each over several columns, and
        some within it may have a cell that spans columns.
        """
        if self._work >= MOST_WORK:
            return len(self._rows), ()
        rows = self._rows
        head, stop, strips = self._columns(start)
        if not strips or len(strips) >= MOST_COLUMNS:
            return start + max(1, (stop - start) // PASSED_OVER), ()
        grid = self._grid(strips, rows[head:stop])
        if not _may_begin(rows, start, head, stop, grid):
            return start + max(1, (stop - start) // LONG), ()
        placed = [grid.place(row, head=i <= head) for i, row in enumerate(rows[start:stop], start)]
        del placed[_end_of_lone(placed) :]
        numbers = _columns_of_numbers(placed)
        while placed and not _may_end(placed, rows[start:stop], grid, numbers):
            placed.pop()  # a line below the table that happens to be short, or to have spaces below strips
        table = rows[start : start + len(placed)]
        full = sum(map(_is_full, placed))
        if full < max(2, FULL * len(placed)):
            return start + max(1, (stop - start) // PASSED_OVER), ()
        limit = ALIGNED * float(np.median([row.height for row in table]))
        columns = edges_of(chain.from_iterable(placed)).values()
        if sum(len(edges) > 1 and deviation(edges) <= limit for edges in columns) < (1 if full > 2 else 2):
            return start + len(placed), ()
        return start + len(placed), _cells(placed, table, grid)

    def _columns(self, start: int) -> tuple[int, int, list[Strip]]:
        """Return the first row from `start` on that has all columns, the row behind the last, and the strips.

        Where there are no strips, the row behind the last that was tried.
        """
        best: tuple[int, int, list[Strip]] = start, start, []
        tried = start
        for head in range(start, min(start + HEADS + 1, len(self._rows))):
            if head > start and not follows(self._rows[head - 1], self._rows[head]):
                break
            stop, strips = self._strips(head)
            tried = max(tried, stop)
            if len(strips) > len(best[2]):
                best = head, stop, strips
        return best if best[2] else (start, tried, [])

    def _strips(self, head: int) -> tuple[int, list[Strip]]:
        """Return the strips that a row shares with those below, and the row behind the last that does."""
        if head not in self._grown and self._work < MOST_WORK:
            row = self._rows[head]
            self._grown[head] = head, []
            if 1 < row.word_count <= MOST_WORDS and (runs_of(row) > 1 or sum(w.is_number for w in row.words) > 1):
                grown = grow(self._rows, head)
                rows = self._rows[head : grown.stop]
                self._look_at(rows)
                self._grown[head] = grown.stop, self._with_aligned(_proved(grown.strips, rows), rows)
        return self._grown.get(head, (head, []))

    def _with_aligned(self, strips: list[Strip], rows: Sequence[Row]) -> list[Strip]:
        """Return the strips that have a column of aligned cells on their right."""
        while strips and len(strips) < MOST_COLUMNS:
            grid = self._grid(strips, rows)
            shares = [grid.alignment(column) for column in range(1, len(strips) + 1)]
            worst = int(np.argmin(shares))
            if shares[worst] >= IN_LINE:
                break
            strips = [*strips[:worst], *strips[worst + 1 :]] if self._work < MOST_WORK else []
        return strips

    def _grid(self, strips: Sequence[Strip], rows: Sequence[Row]) -> Grid:
        self._look_at(rows)
        return Grid(strips, rows)

    def _look_at(self, rows: Sequence[Row]) -> None:
        self._work += sum(row.word_count for row in rows)


def _proved(strips: Sequence[Strip], rows: Sequence[Row]) -> list[Strip]:
    """Return the strips that so many of the rows have that they are not there by chance."""
    least = SHARE * sum(runs_of(row) > 1 for row in rows)
    return [strip for strip in strips if strip.rows >= least and _parts_columns(strip)]


def _parts_columns(strip: Strip) -> bool:
    if strip.between >= max(2, PROVED_SHARE * strip.rows):
        return True
    return strip.rows >= FIGURE_ROWS and strip.figures >= FIGURES * strip.within


def _is_full(cells: Sequence[Cell]) -> bool:
    return len({cell.column for cell in cells}) > 1


def _is_lone(cells: Sequence[Cell]) -> bool:
    return not _is_full(cells) and all(cell.column == cell.last for cell in cells)


def _columns_of_numbers(placed: Sequence[Sequence[Cell]]) -> set[int]:
    """Return the columns most cells of which begin or end with a number."""
    kinds: dict[int, list[bool]] = {}
    for cell in chain.from_iterable(placed):
        kinds.setdefault(cell.column, []).append(cell.has_number)
    return {column for column, values in kinds.items() if column and sum(values) > NUMBERS * len(values)}


def _end_of_lone(placed: Sequence[Sequence[Cell]]) -> int:
    """Return where more lines follow each other in the first column than its cells have."""
    run = 0
    for i, cells in enumerate(placed):
        run = run + 1 if _is_lone(cells) and cells[0].column == 0 else 0
        if run > MOST_LONE:
            return i + 1 - run
    return len(placed)


def _is_head(row: Row, grid: Grid, *, head: bool = True) -> bool:
    """Whether a row above a table has its heads: over their columns, and not one over the first alone, or all."""
    cells = grid.place(row, head=head)
    if not _is_full(cells) and (_is_lone(cells) or cells[0].column == 0):
        return False
    inside = runs_of(row) > 1 or grid.holds(cells[-1], row.height)
    fitting = sum(grid.fits(cell, row.height) for cell in cells)
    return inside and (fitting == len(cells) if runs_of(row) == 1 else 2 * fitting >= len(cells))


def _may_begin(rows: Sequence[Row], start: int, head: int, stop: int, grid: Grid) -> bool:
    """Whether a table may begin with the row `start`: those down to `head` are its heads, and that one is aligned.

    A head of one cell right below a line is rather the second line of a caption.
    """
    below = start < head and start > 0 and follows(rows[start - 1], rows[start])
    caption = below and not _is_full(grid.place(rows[start], head=True))
    body = grid if stop - head < 3 else grid.without_first()
    heads = all(_is_head(row, grid) for row in rows[start:head])
    return heads and not caption and _is_aligned(rows[head], body, head=True)


def _is_aligned(row: Row, body: Grid, *, head: bool) -> bool:
    """Whether a row may be the first or last one of a table: half of its cells are aligned, of a single line all."""
    if runs_of(row) == 1:
        return _is_head(row, body, head=head)
    cells = body.place(row, head=head)
    return 2 * sum(body.fits(cell, row.height) for cell in cells) >= len(cells)


def _may_end(placed: Sequence[Sequence[Cell]], rows: Sequence[Row], grid: Grid, numbers: set[int]) -> bool:
    """Whether a table may end with the last of the rows that are `placed`.

    A lone line must go on with a cell of the row above, but for the first column; a line of words in several columns
    must be aligned with them, and have a number where others do.
    """
    cells, row = placed[-1], rows[len(placed) - 1]
    if _is_full(cells):
        unlike = numbers and not any(cell.column in numbers and cell.has_number for cell in cells)
        return not unlike and _is_aligned(row, grid, head=False)
    if not _is_lone(cells) or len(placed) < 2 or cells[0].column == 0:
        return False
    above = [cell for cell in placed[-2] if cell.column == cells[0].column]
    near = row.middle - rows[len(placed) - 2].middle <= WRAPPED * row.height
    return bool(above) and near and abs(above[0].left - cells[0].left) < ALIGNED * row.height


def _cells(placed: Sequence[Sequence[Cell]], rows: Sequence[Row], grid: Grid) -> Cells:
    """Return rows of cells, lines that go on with a cell joined to it, columns without any left out."""
    pitch = float(np.median(np.diff([row.middle for row, cells in zip(rows, placed, strict=True) if _is_full(cells)])))
    apart = [math.inf, *np.diff([row.middle for row in rows]).tolist(), math.inf]
    table: list[list[Cell]] = []
    ahead: list[Cell] = []  # lines of a cell that begins above the others of its row

    def wraps(i: int) -> bool:
        return apart[i] <= CONTINUED * pitch and _has_no_room(placed[i - 1][0], rows[i], grid)

    for i, cells in enumerate(placed):
        if _is_lone(cells) and cells[0].column > 0 and (ahead or apart[i + 1] < NEARER * apart[i]):
            ahead += cells
        elif i and _is_lone(cells) and (cells[0].column > 0 or wraps(i)):
            table[-1] += cells
        else:
            table.append([*ahead, *cells])
            ahead = []
    if ahead:
        table[-1] += ahead
    columns = sorted({cell.column for row in table for cell in row})
    return tuple(tuple(_parts(row, column) for column in columns) for row in table)


def _parts(row: Sequence[Cell], column: int) -> tuple[Part, ...]:
    return tuple(part for cell in row if cell.column == column for part in cell.parts())


def _has_no_room(above: Cell, row: Row, grid: Grid) -> bool:
    """Whether the first word of a row in the first column had found no room in the cell above."""
    first = row.words[0]
    room = grid.right(0) - above.right - row.height / 2
    stacked = above.last == 0 and abs(first.left - above.left) <= row.height
    return stacked and room < first.right - first.left
