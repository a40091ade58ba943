"""Reading order: rows of what stands side by side, columns of text one after the other.

Distances are measured in heights of the lines themselves. A fixed number of pixels, as the PP-OCR family uses, breaks
on large scans and on skewed pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points

SAME_ROW = 0.5
"""Boxes share a row if their centres differ by less than this part of the lower one's height."""
GUTTER = 1.0
"""Least free space between two columns, in line heights."""
COLUMN_LINE = 8.0
"""Columns of running text have lines at least this wide, in heights; narrower ones are cells of a table's rows."""
COLUMN_ROWS = 3
"""Least lines in a column."""

_Boxes = NDArray[np.float64]
"""N×4: left, top, right, bottom of the boxes of the unskewed page."""


def reading_order(quads: Sequence[Points]) -> list[int]:
    """Return the indices of `quads` (4×2 each) in the order in which a person reads them."""
    if not quads:
        return []
    boxes = _unskewed(np.stack(quads).astype(np.float64))
    return _order(boxes, np.arange(len(quads)))


def _unskewed(quads: NDArray[np.float64]) -> _Boxes:
    """Return upright boxes of quads turned back by the median slope of the page's lines."""
    top = quads[:, 1] - quads[:, 0]
    lengths = np.hypot(top[:, 0], top[:, 1])
    wide = lengths > 2 * np.hypot(*(quads[:, 3] - quads[:, 0]).T)
    slopes = np.arctan2(top[:, 1], top[:, 0])[wide]
    angle = float(np.median(slopes)) if len(slopes) else 0.0
    cos, sin = np.cos(-angle), np.sin(-angle)
    turned = quads @ np.array([[cos, sin], [-sin, cos]])
    return np.concatenate((turned.min(axis=1), turned.max(axis=1)), axis=1)


def _order(boxes: _Boxes, members: NDArray[np.intp]) -> list[int]:
    gutter = _gutter(boxes[members])
    if gutter is None:
        return [int(i) for row in _rows(boxes, members) for i in row]
    x, top, bottom = gutter
    middle = (boxes[members, 1] + boxes[members, 3]) / 2
    above, below = members[middle < top], members[middle > bottom]
    between = members[(middle >= top) & (middle <= bottom)]
    centre = (boxes[between, 0] + boxes[between, 2]) / 2
    parts = (above, between[centre < x], between[centre >= x], below)
    return [i for part in parts if len(part) for i in _order(boxes, part)]


def _rows(boxes: _Boxes, members: NDArray[np.intp]) -> list[list[int]]:
    """Group boxes into rows, top to bottom, each from left to right."""
    rows: list[list[int]] = []
    for i in sorted(members, key=lambda i: boxes[i, 1] + boxes[i, 3]):
        if rows and _same_row(boxes[rows[-1][-1]], boxes[i]):
            rows[-1].append(int(i))
        else:
            rows.append([int(i)])
    return [sorted(row, key=lambda i: boxes[i, 0]) for row in rows]


def _same_row(a: _Boxes, b: _Boxes) -> bool:
    lower = min(a[3] - a[1], b[3] - b[1])
    return bool(abs((a[1] + a[3]) - (b[1] + b[3])) / 2 < SAME_ROW * lower)


def _gutter(boxes: _Boxes) -> tuple[float, float, float] | None:
    """Return x, top and bottom of the free strip between two columns of running text, if there is one.

    Lines that cross the strip (headings, footers) may stand above and below the columns.
    """
    if len(boxes) < 2 * COLUMN_ROWS:
        return None
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    for x in _candidates(boxes, height):
        crossing = boxes[(boxes[:, 0] < x) & (boxes[:, 2] > x)]
        middle = (boxes[:, 1] + boxes[:, 3]) / 2
        # The strip between the crossing lines that holds most boxes.
        edges = np.concatenate(([-np.inf], np.sort((crossing[:, 1] + crossing[:, 3]) / 2), [np.inf]))
        counts = [np.count_nonzero((middle > a) & (middle < b)) for a, b in pairwise(edges)]
        best = int(np.argmax(counts))
        top, bottom = float(edges[best]), float(edges[best + 1])
        inside = boxes[(middle > top) & (middle < bottom)]
        if all(_is_column(side) for side in (inside[inside[:, 2] <= x], inside[inside[:, 0] >= x])):
            held = (inside[:, 1] + inside[:, 3]) / 2
            return float(x), float(held.min()), float(held.max())
    return None


def _candidates(boxes: _Boxes, height: float) -> list[float]:
    """Return the middles of vertical strips, wide enough for a gutter, that the fewest boxes cross; at most three."""
    left, right = float(boxes[:, 0].min()), float(boxes[:, 2].max())
    count = int((right - left) / max(height / 2, 1.0))
    if count < 4:
        return []
    grid = np.linspace(left, right, count + 1)[1:-1]
    half = GUTTER * height / 2
    covered = ((boxes[:, 0] < grid[:, None] + half) & (boxes[:, 2] > grid[:, None] - half)).sum(axis=1)
    free = grid[covered <= len(boxes) * 0.2]
    splits = np.split(free, np.flatnonzero(np.diff(free) > height) + 1) if len(free) else []
    middles = [float(part.mean()) for part in splits]
    return sorted(middles, key=lambda x: abs(x - (left + right) / 2))[:3]


def _is_column(boxes: _Boxes) -> bool:
    if len(boxes) < COLUMN_ROWS:
        return False
    sizes = boxes[:, 2:] - boxes[:, :2]
    return bool(np.median(sizes[:, 0] / np.maximum(sizes[:, 1], 1.0)) >= COLUMN_LINE)
