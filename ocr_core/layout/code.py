"""Listings: rows in a font whose letters are all of one width, where the page is not all written so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ocr_core.layout.boxes import Row
from ocr_core.layout.marks import has_leader

Typed = tuple[str, float]
"""A line's text with all spaces between its words, and the width of one; empty and 0 where its letters have several
widths, or these are not known."""

ALIKE = 0.05
"""Spaces whose widths differ by less than this share are of one size of type."""
BLANK = 3.5
"""Rows nearer than so many usual distances are of one listing: two blank ones may stand between them."""
DENSE = 1.6
"""Rows of a listing are no farther apart than so many heights, but for blank ones."""
SMALLER = 1.2
"""Lone rows of more than so many usual heights are no listing, but a title."""
APART = 1.25
"""A row stands apart if it is so many usual distances from the next, or as many of its letters further in as:"""
INDENT = 1.5
TYPEWRITTEN = 0.7
"""Share of a page's characters in such a font from which the font tells nothing: letters and scripts are typed so."""
MARKED = 0.5
"""There a listing has marks of code in at least this share of its rows, and so many rows:"""
MARKED_ROWS = 3

COLUMNS = 200
"""No indent and no gap makes a row longer than this: a hostile file sets letters as far apart as it likes."""
BLANK_ROWS = 2
"""Most blank rows one after the other."""
NARROWEST = 0.1
"""A space narrower than so many heights of its row tells nothing."""

WORD = 3
"""Least letters and digits of a listing."""

_MARK = re.compile(r"[{}\[\]=<>;|\\$]|\w\(|^\s*(?:#|//|%|--)|\w\.\w+\(|\)$|:$")
_ADDRESS = re.compile(r"[\w./:@%&?=~#+-]+")
_BRACKETS = re.compile(r"[^\w\s]{1,6}")
"""What closes blocks, of signs that have widths of their own in some fonts for code, too."""


class Listings:
    """Finds the listings of a page."""

    def __init__(self, rows: Sequence[Row], texts: Sequence[str], typed: Sequence[Typed]) -> None:
        self._rows = rows
        self._texts = texts
        self._typed = typed
        letters = sum(map(len, texts))
        self._typewritten = sum(len(text) for text, _ in typed) >= TYPEWRITTEN * max(letters, 1)
        self._height = float(np.median([row.height for row in rows])) if rows else 1.0

    def at(self, start: int) -> tuple[int, tuple[str, ...]]:
        """Return the listing that begins with the row `start`: the row behind its last, and its rows as they are set.

        Where none begins there is no text, and the rows up to the one returned need not be tried.
        """
        space = self._space(start)
        if not space:
            return start + 1, ()
        stop = self._end(start, space)
        run = self._rows[start:stop]
        texts = tuple(_set(run, self._texts, self._typed, space))
        found = self._is_marked(texts) if self._typewritten else self._is_apart(start, stop, texts)
        return stop, texts if found else ()

    def _space(self, index: int) -> float:
        """Return how wide a space of a row is; 0 if not all of it behind its number is typed, and of one size."""
        lines = self._rows[index].lines
        if any(has_leader(self._texts[line]) for line in lines):
            return 0.0  # of an index, whose entries are names of commands
        numbered = len(lines) > 1 and self._texts[lines[0]].isdecimal()
        spaces = [self._typed[line][1] for line in lines[numbered:]]
        if not NARROWEST * self._rows[index].height <= min(spaces) < float("inf"):
            return 0.0
        return min(spaces) if max(spaces) - min(spaces) <= ALIKE * max(spaces) else 0.0

    def _end(self, start: int, space: float) -> int:
        """Return the row behind the last that goes on with the listing of the row `start`."""
        above = self._rows[start]
        left, right, step = above.left, above.right, DENSE * above.height
        for index in range(start + 1, len(self._rows)):
            row = self._rows[index]
            apart = row.middle - above.middle
            alike = abs(self._space(index) - space) <= ALIKE * space or self._closes(index)
            if not (alike and 0 < apart <= BLANK * step and row.left < right and row.right > left):
                return index
            left, right, step, above = min(left, row.left), max(right, row.right), min(step, apart), row
        return len(self._rows)

    def _closes(self, index: int) -> bool:
        """Whether a row has nothing but signs."""
        return all(_BRACKETS.fullmatch(self._texts[line]) for line in self._rows[index].lines)

    def _is_marked(self, texts: Sequence[str]) -> bool:
        written = [text for text in texts if text]
        return len(written) >= MARKED_ROWS and sum(bool(_MARK.search(t)) for t in written) >= MARKED * len(written)

    def _is_apart(self, start: int, stop: int, texts: Sequence[str]) -> bool:
        """Whether rows are no address, and no name within running text, that fills them by chance."""
        if all(not text or _ADDRESS.fullmatch(text) for text in texts) or sum(map(str.isalnum, "".join(texts))) < WORD:
            return False
        if stop - start > 1:
            return True
        small = self._rows[start].height <= SMALLER * self._height
        return small and bool(_MARK.search(texts[0])) and self._stands_alone(start)

    def _stands_alone(self, index: int) -> bool:
        row = self._rows[index]
        others = [self._rows[i] for i in (index - 1, index + 1) if 0 <= i < len(self._rows)]
        return all(self._is_far(row, other) for other in others)

    def _is_far(self, row: Row, other: Row) -> bool:
        apart = abs(row.middle - other.middle) / max(row.height, other.height)
        return apart >= APART * 1.2 or row.left - other.left >= INDENT * self._typed[row.lines[0]][1]


def _set(rows: Sequence[Row], plain: Sequence[str], typed: Sequence[Typed], space: float) -> Iterator[str]:
    """Give rows with their indents, and an empty one for each blank one between them."""
    edge = min(row.left for row in rows)
    steps = [b.middle - a.middle for a, b in pairwise(rows)]
    usual = min(float(np.percentile(steps, 25)), DENSE * rows[0].height) if steps else 1.0
    for i, row in enumerate(rows):
        yield from [""] * (round(min(steps[i - 1] / usual - 1, BLANK_ROWS)) if i else 0)
        text, end = "", edge
        for line, box in zip(row.lines, row.boxes, strict=True):
            gap = min((box[0] - end) / space, COLUMNS - len(text))
            text += " " * max(round(gap), 1 if text else 0) + (typed[line][0] or plain[line])
            end = box[2]
        yield text
