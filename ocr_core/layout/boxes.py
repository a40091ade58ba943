"""Upright boxes of a page's lines, and the rows in which they stand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points

INTERLEAVED = 0.75
"""Rows of a table beside each other whose centres differ by less than this part of their height are one: cells of one
line stand at the middle of those of two."""
SAME_ROW = 0.5
"""Boxes share a row if their centres differ by less than this part of the lower one's height."""

Boxes = NDArray[np.float64]
"""N×4: left, top, right, bottom of the boxes of the unskewed page."""

NARROWED = 0.2
"""Words are taken to be narrower than their boxes by this part of their row's height on either side,"""
SLIM = 0.25
"""but by no more than this part of their width: boxes are found a little too large."""
TOUCHING = 0.15
"""Lines found side by side are so many heights apart at least, though their boxes may overlap."""
SPACE = 0.5
"""Two lines, no number next to the gap between them, are one run of words up to such a space, in heights;"""
WIDE = 2.0
"""and words of one line are two from such a space on. Usual spaces are 0.6 to 0.9, those of typewriting 1.2."""

_NUMBER = re.compile(r"[\W\d_]{0,20}\d[\W\d_]{0,20}")
_MARK = re.compile(r"[^\W\d]{1,3}|[^\w\s]{1,2}")


def unskewed(quads: Sequence[Points]) -> Boxes:
    """Return upright boxes of N quads (4×2 each) turned back by the slope of the page's text."""
    return turned_back(quads, skew_of(quads))


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


def turned_back(quads: Sequence[Points], angle: float) -> Boxes:
    """Return upright boxes of N quads (4×2 each) turned back by an angle in radians."""
    corners = np.stack(quads).astype(np.float64)
    cos, sin = np.cos(-angle), np.sin(-angle)
    turned = corners @ np.array([[cos, sin], [-sin, cos]])
    return np.concatenate((turned.min(axis=1), turned.max(axis=1)), axis=1)


def same_row(a: Boxes, b: Boxes) -> bool:
    """Whether two boxes (4 values each) stand side by side."""
    lower = min(a[3] - a[1], b[3] - b[1])
    return bool(abs((a[1] + a[3]) - (b[1] + b[3])) / 2 < SAME_ROW * lower)


class Word(NamedTuple):
    """A word of a row, or a line of which no words are known."""

    line: int
    number: int
    """Which word of its line."""
    run: int
    """Which run of words of the row: lines may be cut too often, and too seldom."""
    left: float
    right: float
    is_number: bool
    """Whether it has digits and no letters."""
    is_mark: bool
    """Whether it may be of the number behind it, as the sign of a currency."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A free strip, and in how many rows something stands on both sides of it."""

    left: float
    right: float
    between: int = 0
    """Rows in which it runs between two runs of words (`Word.run`)."""
    within: int = 0
    """Rows in which it runs between two words of a run."""
    figures: int = 0
    """Rows of the latter in which the second is a number, and the first not its sign."""

    @property
    def rows(self) -> int:
        """In how many rows it parts something."""
        return self.between + self.within

    @property
    def proof(self) -> int:
        """In how many rows it parts what chance does not: lines, or a word and a number."""
        return self.between + self.figures


Words = Sequence[tuple[str, float, float]]
"""Words of a line: text, left and right edge."""


@dataclass(frozen=True, eq=False)
class Row:
    """Lines that stand side by side, from left to right."""

    lines: tuple[int, ...]
    """Their indices in the page."""
    boxes: Boxes
    of_lines: tuple[Words, ...]
    """The words of each line, at least one."""

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

    @property
    def word_count(self) -> int:
        """How many words it has, before their edges are known."""
        return sum(map(len, self.of_lines))

    @cached_property
    def gaps(self) -> tuple[Strip, ...]:
        """The free intervals between its words, from left to right, with infinite ones at its ends."""
        between = [
            Strip(a.right, b.left, within=1, figures=int(b.is_number and not a.is_mark))
            if a.run == b.run
            else Strip(a.right, b.left, between=1)
            for a, b in pairwise(self.words)
        ]
        left, right = Strip(-math.inf, self.words[0].left), Strip(self.words[-1].right, math.inf)
        return (left, *between, right)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Its words from left to right, a little narrower than their boxes, so that neighbours leave a gap."""
        found: list[Word] = []
        for line, words in zip(self.lines, self.of_lines, strict=True):
            for number, (text, left, right) in enumerate(words):
                margin = min(NARROWED * self.height, SLIM * (right - left))
                kinds = [pattern.fullmatch(text) is not None for pattern in (_NUMBER, _MARK)]
                word = Word(line, number, 0, left + margin, right - margin, *kinds)
                found += [word] if not found else self._beside(found.pop(), word)
        return tuple(found)

    def _beside(self, left: Word, right: Word) -> tuple[Word, Word]:
        """Return two neighbours such that they leave a gap, and are of one run where that says nothing."""
        apart = (right.left - left.right) / self.height
        if apart < TOUCHING:
            # Where boxes overlap each holds some of the other, and the gap is about there.
            one, other = sorted((right.left, left.right))
            missing = max(0.0, (TOUCHING * self.height - (other - one)) / 2)
            left, right = left._replace(right=one - missing), right._replace(left=other + missing)
        either = left.is_number or right.is_number
        same = apart < WIDE if left.line == right.line else apart < SPACE and not either
        right = right._replace(run=left.run + (not same))
        return left, right


def rows_of(boxes: Boxes, words: Sequence[Words], lines: Iterable[int]) -> list[Row]:
    """Return the rows that lines which follow each other in reading order form, in that order.

    Args:
        boxes: of the N lines of a page.
        words: of each of them.
        lines: which of them, in reading order.
    """
    rows: list[list[int]] = []
    for i in lines:
        if rows and same_row(boxes[rows[-1][-1]], boxes[i]) and boxes[i, 0] > boxes[rows[-1][-1], 0]:
            rows[-1].append(i)
        else:
            rows.append([i])
    return [Row(tuple(row), boxes[row], tuple(words[i] for i in row)) for row in rows]


def grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Return rows that would be one in a table: they stand beside each other, and a little higher or lower."""
    groups: list[list[Row]] = []
    for row in rows:
        if groups and all(_interleaved(other, row) for other in groups[-1]):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _interleaved(a: Row, b: Row) -> bool:
    lefts, rights = np.maximum(a.boxes[:, None, 0], b.boxes[:, 0]), np.minimum(a.boxes[:, None, 2], b.boxes[:, 2])
    return abs(a.middle - b.middle) < INTERLEAVED * min(a.height, b.height) and not (lefts < rights).any()


def merged(rows: Sequence[Row]) -> Row:
    """Return some rows as one, its lines from left to right."""
    if len(rows) == 1:
        return rows[0]
    boxes = np.concatenate([row.boxes for row in rows])
    lines = [line for row in rows for line in row.lines]
    words = [each for row in rows for each in row.of_lines]
    order = np.argsort(boxes[:, 0], kind="stable")
    return Row(tuple(lines[i] for i in order), boxes[order], tuple(words[i] for i in order))
