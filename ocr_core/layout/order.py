"""Reading order: rows of what stands side by side, columns of text one after the other.

A page is cut along its gutters, as XY cuts are (Nagy 1984) but without the need that a cut goes through the whole page:
a gutter is a free vertical strip that running text faces on both sides, as tall as no line crosses it. What stands
above the strip is read first, then what is left of it, what is right of it and what is below, each cut again. What has
no gutter is read row by row: receipts, forms, tables, the lines of a column. What a line faces decides, not all that
stands on its side: so a table or a figure inside a column costs it only the lines that they take.

Distances are measured in heights of the lines themselves. A fixed number of pixels, as the PP-OCR family uses, breaks
on large scans and on skewed pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points
from ocr_core.layout.boxes import SAME_ROW, Boxes, same_row, unskewed

GUTTER = 1.0
"""Least free space between two columns, in line heights."""
COLUMN_LINE = 8.0
"""Running text has lines at least this wide, in heights; narrower ones are cells of a table's rows, labels, prices."""
ALIKE = 0.7
"""Lines of running text that follow each other share at least this part of the width that they span together."""
LEADING = 3.0
"""Their centres are at most so many heights apart: double spacing."""
COLUMN_ROWS = 4
"""Least lines of running text that face a gutter on either side: forms have fields of three."""
APART = 1.5
"""A row with at least so many heights of free space to the columns below or above it is a header or a footer."""
COLUMN_SHARE = 0.5
"""Least share of running text in what faces a gutter, by width: the rest are cells of tables, labels, formulas."""
MOST_LINES = 4000
"""Pages of more lines than any printed one has are read row by row."""
MOST_PLACES = 512
"""Most places at which gutters are looked for."""
AT_A_TIME = 256
"""Lines that are compared with all others at a time: bounds the memory."""

_Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Lines:
    """N lines from top to bottom, and what is known of each."""

    boxes: Boxes
    running: NDArray[np.bool_]
    """Whether it is one of running text: wide, and above or below another that begins and ends alike."""
    before: NDArray[np.float64]
    """Right edge of what stands next to its left in its row; −∞ where nothing does."""
    behind: NDArray[np.float64]
    """Left edge of what stands next to its right in its row; ∞ where nothing does."""

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, which: _Indices | slice) -> _Lines:
        return _Lines(self.boxes[which], self.running[which], self.before[which], self.behind[which])

    @classmethod
    def of(cls, boxes: Boxes) -> _Lines:
        """Compare every line with every other, some at a time."""
        known = [_known(boxes[i : i + AT_A_TIME], boxes) for i in range(0, len(boxes), AT_A_TIME)]
        return cls(boxes, *(np.concatenate(values) for values in zip(*known, strict=True)))


def reading_order(quads: Sequence[Points]) -> list[int]:
    """Return the indices of `quads` (4×2 each) in the order in which a person reads them."""
    if not quads:
        return []
    boxes = unskewed(quads)
    from_top = np.argsort(boxes[:, 1] + boxes[:, 3], kind="stable")
    boxes = boxes[from_top]
    many = len(quads) > MOST_LINES
    ordered = _rows(boxes, np.arange(len(quads))) if many else _order(_Lines.of(boxes))
    return [int(from_top[i]) for i in ordered]


def _known(some: Boxes, others: Boxes) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Return `running`, `before` and `behind` of some boxes among others; see `_Lines`."""
    left, top, right, bottom = some.T[..., None]
    lefts, tops, rights, bottoms = others.T
    lower = np.maximum(np.minimum(bottom - top, bottoms - tops), 1e-6)
    apart = np.abs((top + bottom) - (tops + bottoms)) / 2 / lower
    shared = np.minimum(right, rights) - np.maximum(left, lefts)
    spanned = np.maximum(right, rights) - np.minimum(left, lefts)
    wide = right - left >= COLUMN_LINE * (bottom - top), rights - lefts >= COLUMN_LINE * (bottoms - tops)
    alike = (shared >= ALIKE * spanned) & (apart >= SAME_ROW) & (apart <= LEADING) & wide[0] & wide[1]
    row, ahead = apart < SAME_ROW, (left + right) - (lefts + rights)
    before = np.where(row & (ahead > 0), rights, -np.inf).max(axis=1)
    behind = np.where(row & (ahead < 0), lefts, np.inf).min(axis=1)
    return alike.any(axis=1), before, behind


def _order(lines: _Lines) -> list[int]:
    """Return the indices of the lines in reading order."""
    ordered: list[int] = []
    parts = [np.arange(len(lines))]
    while parts:
        members = parts.pop()
        cut = _cut(lines[members])
        if cut is None:
            ordered += _rows(lines.boxes, members)
            continue
        x, start, stop = cut
        start += _row_apart(lines.boxes[members[start:stop]])
        stop -= _row_apart(lines.boxes[members[start:stop]][::-1] * (1, -1, 1, -1))
        between = members[start:stop]
        left = lines.boxes[between, 2] <= x
        parts += [members[stop:], between[~left], between[left], members[:start]]
    return ordered


def _rows(boxes: Boxes, members: _Indices) -> list[int]:
    """Return some boxes, given from top to bottom, row by row, each row from left to right."""
    rows: list[list[int]] = []
    for i in members.tolist():
        if rows and same_row(boxes[rows[-1][-1]], boxes[i]):
            rows[-1].append(i)
        else:
            rows.append([i])
    return [i for row in rows for i in sorted(row, key=lambda i: boxes[i, 0])]


def _row_apart(boxes: Boxes) -> int:
    """Return how many boxes at the top stand in one row and apart from all below: the header of a page."""
    top, bottom = np.sort(boxes[:, 1::2], axis=1).T
    height = float(np.median(bottom - top))
    below = np.minimum.accumulate(top[::-1])[::-1]
    apart = np.flatnonzero(below[1:] - np.maximum.accumulate(bottom)[:-1] >= APART * height)
    count = int(apart[0]) + 1 if len(apart) else 0
    middle = (top + bottom) / 2
    return count if count and middle[count - 1] - middle[0] < SAME_ROW * height else 0


def _cut(lines: _Lines) -> tuple[float, int, int] | None:
    """Return the gutter that divides most lines of running text: its left edge and the range of lines beside it.

    Many places are tried at once, X of them. As the lines are sorted from top to bottom, those beside a strip are a
    range that no line which crosses it interrupts, and a sum over it is the difference of two sums from the top.
    """
    if len(lines) < 2 * COLUMN_ROWS:
        return None
    boxes = lines.boxes
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    step = max(height / 4, float(np.ptp(boxes[:, ::2])) / MOST_PLACES, 1.0)
    begin = np.unique(np.ceil(boxes[:, 2] / step))[:, None] * step
    end = begin + GUTTER * height
    left, right = boxes[:, 2] <= begin, boxes[:, 0] >= end
    # Before the first line and behind the last stands one that crosses.
    place, line = np.nonzero(np.pad(~left & ~right, ((0, 0), (1, 1)), constant_values=True))
    long = np.flatnonzero(np.diff(line) > 2 * COLUMN_ROWS)
    ranges = place[long], line[long], line[long + 1] - 1
    facing = left & (lines.behind >= end), right & (lines.before <= begin)
    divided = np.minimum(*(_lines_of_text(lines, side, ranges) for side in facing))
    if not divided.any():
        return None
    place, start, stop = ranges
    best = np.lexsort((stop - start, divided))[-1]  # the most lines, then the tallest strip
    return float(begin[place[best], 0]), int(start[best]), int(stop[best])


def _lines_of_text(
    lines: _Lines, facing: NDArray[np.bool_], ranges: tuple[_Indices, _Indices, _Indices]
) -> NDArray[np.float64]:
    """Return how many lines of running text face each of R strips from one side; 0 where that side is no column.

    Args:
        lines: N of them.
        facing: X×N, which lines stand next to a strip at each place, on that side.
        ranges: of each strip its place, the first line beside it, and the line behind the last.
    """
    place, start, stop = ranges
    width = lines.boxes[:, 2] - lines.boxes[:, 0]

    def total(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.pad(np.cumsum(facing * weight, axis=1), ((0, 0), (1, 0)))
        return sums[place, stop] - sums[place, start]

    count = total(lines.running.astype(np.float64))
    share = total(lines.running * width) / np.maximum(total(width), 1.0)
    return np.where((count >= COLUMN_ROWS) & (share >= COLUMN_SHARE), count, 0.0)
