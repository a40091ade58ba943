"""Running text cut into paragraphs: by distance, size, indents, marks of lists, and lines that end early."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocr_core.layout.boxes import Row
from ocr_core.layout.marks import list_mark

LOOSE = 1.4
"""Lines farther apart than this many times the usual distance are not of one paragraph."""
LARGER = 1.4
"""Lines whose sizes differ by more than this factor are not of one paragraph."""
INDENT = 0.8
"""Least indent, in heights of a line."""
NARROW = 10.0
"""Lines of less than so many heights are those of addresses and receipts: each is a paragraph, but for large ones."""
LETTERS = 8
"""From so many characters on their mean width tells the size of a line; the box alone depends on which they are."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Rows that are read as one text."""

    rows: tuple[Row, ...]
    size: float
    """Its size relative to most text of the page."""
    apart: bool
    """Whether it stands apart from what is above and below."""

    @property
    def lines(self) -> tuple[int, ...]:
        """Its lines, as indices into those of the page."""
        return tuple(line for row in self.rows for line in row.lines)


class Flow:
    """The usual distance and size of a page's lines, and how its rows form paragraphs."""

    def __init__(self, rows: Sequence[Row], texts: Sequence[str]) -> None:
        self._texts = texts
        self._pitch = _usual_pitch(rows)
        letters = [len(self._text(row)) for row in rows]
        self._height = _weighted_median([row.height for row in rows], letters)
        self._letter = _weighted_median([self._letter_width(row) for row in rows], letters)

    def paragraphs(self, rows: Sequence[Row]) -> Iterator[Paragraph]:
        """Give the paragraphs of rows that follow each other in reading order.

        A paragraph goes on as long as its lines stand one below the other at the usual distance and in one size, and
        each ends where the first word of the next had no room. Its first line may be indented; an item of a list begins
        with its mark, and its other lines may be indented.
        """
        for run in self._runs(rows):
            found: list[list[Row]] = []
            edge = sorted(row.right for row in run)[-2 if len(run) > 3 else -1]
            width = edge - min(row.left for row in run)
            narrow = width < NARROW * self._height and max(map(self._size, run)) < LARGER
            for row in run:
                if found and not self._starts(found[-1], row, edge, narrow):
                    found[-1].append(row)
                else:
                    found.append([row])
            for part in found:
                yield Paragraph(tuple(part), float(np.median([self._size(row) for row in part])), len(found) == 1)

    def _runs(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Give rows of one size that stand one below the other at the usual distance."""
        run = list(rows[:1])
        for above, below in pairwise(rows):
            usual = self._pitch * (above.height + below.height) / 2
            near = 0 < below.middle - above.middle <= LOOSE * usual
            overlap = min(above.right, below.right) > max(above.left, below.left)
            if not (near and overlap and self._alike(above, below)):
                yield run
                run = []
            run.append(below)
        if run:
            yield run

    def _starts(self, paragraph: Sequence[Row], row: Row, edge: float, narrow: bool) -> bool:
        """Whether a row starts a paragraph of its own below one; their run ends at `edge` and is `narrow` or not."""
        above, height = paragraph[-1], row.height
        mark, mark_above = list_mark(self._text(row)), list_mark(self._text(paragraph[0]))
        if narrow and not mark_above:
            return True
        centred = abs((row.left + row.right) - (above.left + above.right)) < height
        room = (edge - above.right) * (2 if centred else 1) - height / 2
        if room > self._first_word(row) or (mark and mark in ("bullet", mark_above)):
            return True
        if centred:
            return False
        indent, second = (row.left - above.left) / height, len(paragraph) == 1
        if indent > INDENT:
            return not (second and mark_above)
        return indent < -INDENT and not (second and not mark_above)

    def _alike(self, a: Row, b: Row) -> bool:
        """Whether two rows are of one size, as far as can be told."""
        long = min(len(self._text(a)), len(self._text(b))) >= LETTERS
        return not long or 1 / LARGER <= self._size(a) / self._size(b) <= LARGER

    def _size(self, row: Row) -> float:
        size = row.height / self._height
        return math.sqrt(size * self._letter_width(row) / self._letter) if len(self._text(row)) >= LETTERS else size

    def _letter_width(self, row: Row) -> float:
        widths = float((row.boxes[:, 2] - row.boxes[:, 0]).sum())
        return max(widths / max(sum(len(self._texts[line]) for line in row.lines), 1), 1e-6)

    def _first_word(self, row: Row) -> float:
        """Return the width of the first word of a row and the space before it."""
        text = self._texts[row.lines[0]]
        words = text.split()
        return float(row.boxes[0, 2] - row.boxes[0, 0]) * (len(words[0]) + 1) / len(text) if words else 0.0

    def _text(self, row: Row) -> str:
        return " ".join(self._texts[line].strip() for line in row.lines)


def _usual_pitch(rows: Sequence[Row]) -> float:
    """Return the usual distance of the centres of rows that follow each other, in their heights."""
    pitches = [(b.middle - a.middle) * 2 / (a.height + b.height) for a, b in pairwise(rows)]
    near = [pitch for pitch in pitches if 0 < pitch < 3]
    return float(np.median(near)) if near else 1.0


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    order = np.argsort(values)
    sums = np.cumsum(np.asarray(weights, float)[order])
    return float(np.asarray(values, float)[order][np.searchsorted(sums, sums[-1] / 2)])
