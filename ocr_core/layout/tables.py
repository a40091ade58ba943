"""Tables by alignment: rows of cells one above the other, with free strips between the columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ocr_core.layout.boxes import Row

Cells = tuple[tuple[tuple[int, ...], ...], ...]
"""Rows of cells of lines."""

STRIP = 0.5
"""Least free space between two columns, in heights of a row."""
PITCH = 3.0
"""Greatest distance of the centres of two rows of a table, in heights of the lower one."""
ALIGNED = 0.6
"""Greatest median deviation of the edges or the centres of a column's cells, in heights of a row."""
CONTINUED = 0.75
"""A lone line this much nearer to the row above than rows are to each other goes on with that row's cell."""
FULL = 1 / 3
"""Least share of rows with two cells or more."""
MOST_COLUMNS = 50

_Band = tuple[float, float]
"""Left and right edge of a column."""


def table_at(rows: Sequence[Row], start: int) -> tuple[int, Cells]:
    """Return the table that begins with the row `start`: the row behind its last, and its cells.

    Where none begins there are no cells, and the rows up to the one returned need not be tried.

    A table has at least two rows with two cells or more, and cells of its columns are aligned at their left, at their
    right or at their centres: of one column where it has three such rows, else of two. A line alone in its row is part
    of it if it stands within one column.
    """
    if len(rows[start].lines) < 2:
        return start + 1, ()
    bands: list[_Band] = []
    stop = start
    while stop < len(rows) and (stop == start or _follows(rows[stop - 1], rows[stop])):
        wider = _widened(bands, rows[stop])
        if wider is None:
            break
        bands, stop = wider, stop + 1
    placed = [_placed(bands, row) for row in rows[start:stop]]
    while placed and _is_lone(placed[-1]):
        placed.pop()  # a line below the table that happens to be short
    table = rows[start : start + len(placed)]
    full = len(placed) - sum(map(_is_lone, placed))
    if full < max(2, FULL * len(placed)):
        return start + 1, ()
    if _aligned(bands, table) < (1 if full > 2 else 2):
        return start + len(placed), ()
    return start + len(placed), _cells(placed, table)


def _follows(above: Row, below: Row) -> bool:
    apart = below.middle - above.middle
    return 0 < apart <= PITCH * min(above.height, below.height)


def _widened(bands: Sequence[_Band], row: Row) -> list[_Band] | None:
    """Return the columns as they are with one more row; None if it does not keep the strips between them free."""
    strip = STRIP * row.height
    new = list(bands)
    for left, _, right, _ in row.boxes.tolist():
        met = [band for band in new if left < band[1] + strip and right > band[0] - strip]
        if len(met) > 1 or (not met and len(row.lines) == 1):
            return None
        merged = (min([left, *(band[0] for band in met)]), max([right, *(band[1] for band in met)]))
        new = [band for band in new if band not in met] + [merged]
    new.sort()
    free = all(a[1] + strip <= b[0] for a, b in pairwise(new))
    return new if free and 1 < len(new) <= MOST_COLUMNS else None


def _column(bands: Sequence[_Band], middle: float) -> int:
    return next(i for i, (left, right) in enumerate(bands) if left <= middle <= right)


def _placed(bands: Sequence[_Band], row: Row) -> list[list[int]]:
    """Return the lines of a row by column."""
    cells: list[list[int]] = [[] for _ in bands]
    for line, (left, _, right, _) in zip(row.lines, row.boxes.tolist(), strict=True):
        cells[_column(bands, (left + right) / 2)].append(line)
    return cells


def _is_lone(cells: Sequence[Sequence[int]]) -> bool:
    return sum(map(bool, cells)) == 1


def _aligned(bands: Sequence[_Band], rows: Sequence[Row]) -> int:
    """Return how many columns have two cells or more that are aligned."""
    edges: list[list[tuple[float, float]]] = [[] for _ in bands]
    for row in rows:
        for left, _, right, _ in row.boxes.tolist():
            edges[_column(bands, (left + right) / 2)].append((left, right))
    limit = ALIGNED * float(np.median([row.height for row in rows]))
    return sum(len(cells) > 1 and _deviation(np.array(cells)) <= limit for cells in edges)


def _deviation(edges: NDArray[np.float64]) -> float:
    """Return the least median deviation of N cells' left edges, right edges and centres; `edges` is N×2."""
    values = np.column_stack((edges, edges.mean(axis=1)))
    return float(np.median(np.abs(values - np.median(values, axis=0)), axis=0).min())


def _cells(placed: Sequence[list[list[int]]], rows: Sequence[Row]) -> Cells:
    """Return rows of cells, lines that go on with a cell joined to it."""
    full = [row.middle for row, cells in zip(rows, placed, strict=True) if not _is_lone(cells)]
    pitch = float(np.median(np.diff(full)))
    table: list[list[list[int]]] = []
    for i, cells in enumerate(placed):
        near = i > 0 and rows[i].middle - rows[i - 1].middle <= CONTINUED * pitch
        if i > 0 and _is_lone(cells) and (near or not cells[0]):
            table[-1] = [[*above, *below] for above, below in zip(table[-1], cells, strict=True)]
        else:
            table.append(cells)
    return tuple(tuple(tuple(cell) for cell in cells) for cells in table)
