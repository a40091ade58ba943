"""Upright boxes of a page's lines, and the rows in which they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points

SAME_ROW = 0.5
"""Boxes share a row if their centres differ by less than this part of the lower one's height."""

Boxes = NDArray[np.float64]
"""N×4: left, top, right, bottom of the boxes of the unskewed page."""


def unskewed(quads: Sequence[Points]) -> Boxes:
    """Return upright boxes of N quads (4×2 each) turned back by the slope of the page's text."""
    corners = np.stack(quads).astype(np.float64)
    angle = skew_of(quads)
    cos, sin = np.cos(-angle), np.sin(-angle)
    turned = corners @ np.array([[cos, sin], [-sin, cos]])
    return np.concatenate((turned.min(axis=1), turned.max(axis=1)), axis=1)


def skew_of(quads: Sequence[Points]) -> float:
    """Return the slope of most of the text in N lines, quads of 4×2 each, in radians; short lines have no say.

    It is the median weighed by length: lines of a word or two lie less surely than they are many.
    """
    corners = np.stack(quads).astype(np.float64)
    top = corners[:, 1] - corners[:, 0]
    lengths = np.hypot(top[:, 0], top[:, 1])
    wide = lengths > 2 * np.hypot(*(corners[:, 3] - corners[:, 0]).T)
    if not wide.any():
        return 0.0
    slopes, weights = np.arctan2(top[wide, 1], top[wide, 0]), lengths[wide]
    order = np.argsort(slopes)
    sums = np.cumsum(weights[order])
    return float(slopes[order][np.searchsorted(sums, sums[-1] / 2)])


def same_row(a: Boxes, b: Boxes) -> bool:
    """Whether two boxes (4 values each) stand side by side."""
    lower = min(a[3] - a[1], b[3] - b[1])
    return bool(abs((a[1] + a[3]) - (b[1] + b[3])) / 2 < SAME_ROW * lower)


@dataclass(frozen=True, eq=False)
class Row:
    """Lines that stand side by side, from left to right."""

    lines: tuple[int, ...]
    """Their indices in the page."""
    boxes: Boxes

    @cached_property
    def left(self) -> float:
        """Left edge of the first line."""
        return float(self.boxes[:, 0].min())

    @cached_property
    def right(self) -> float:
        """Right edge of the last line."""
        return float(self.boxes[:, 2].max())

    @cached_property
    def middle(self) -> float:
        """Its height on the page: the mean centre of its lines."""
        return float((self.boxes[:, 1] + self.boxes[:, 3]).mean()) / 2

    @cached_property
    def height(self) -> float:
        """The median height of its lines, at least 1."""
        return max(float(np.median(self.boxes[:, 3] - self.boxes[:, 1])), 1.0)


def rows_of(boxes: Boxes) -> list[Row]:
    """Return the rows that neighbours in reading order form, in that order."""
    rows: list[list[int]] = []
    for i in range(len(boxes)):
        if rows and same_row(boxes[i - 1], boxes[i]) and boxes[i, 0] > boxes[i - 1, 0]:
            rows[-1].append(i)
        else:
            rows.append([i])
    return [Row(tuple(row), boxes[row]) for row in rows]
