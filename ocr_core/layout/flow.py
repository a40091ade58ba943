"""Rows of text cut into paragraphs: by distance, size, indents, marks of lists, and lines that end early.

Not all rows are running text: those of addresses, receipts and listings stand for themselves, and are kept as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocr_core.layout.boxes import Row
from ocr_core.layout.marks import has_leader, is_first, is_speech, list_mark, section_depth

LOOSE = 1.4
"""Lines farther apart than this many times the usual distance are not of one paragraph."""
LARGER = 1.4
"""Lines whose sizes differ by more than this factor are not of one paragraph."""
INDENT = 0.8
"""Least indent, in heights of a line."""
NARROW = 10.0
"""Lines of less than so many heights are those of addresses and receipts, and kept, but for large ones."""
WRAPPED = 0.35
"""Least share of the rows of running text that end where the first word of the next had no room."""
WRAPPED_NAMES = 0.75
"""The same where few words are in small letters, as in addresses and receipts; of so many rows at least:"""
NAMES_ROWS = 6
SMALL = 0.3
"""Least share of words in small letters, of those that could be or are numbers, in running text."""
LETTERS = 8
"""From so many characters on their mean width tells the size of a line; its box is higher where letters go below the
baseline, or signs are raised, and lower where none do."""
WIDTH_COUNTS = 0.75
"""How much of the size, as an exponent, the width tells then; the height tells the rest."""
_WIDTHS = {**dict.fromkeys("iljtfrI1.,:;'!|()[]` -", 0.5), **dict.fromkeys("mwMW@%", 1.5)}
"""Of characters that are narrower or wider than most. Capitals are not among them: they make a line larger."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Rows that are read as one text."""

    rows: tuple[Row, ...]
    size: float
    """Its size relative to most text of the page."""
    apart: bool
    """Whether it stands apart from what is above and below."""
    first: bool
    """Whether it stands apart from what is above."""
    kept: bool
    """A row that stands for itself."""
    run: int
    """Which of the runs of rows one below the other it is of."""

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
        self._widths = [_weighted_median([width(row) for row in rows], letters) for width in self._letter_widths]

    def paragraphs(self, rows: Sequence[Row]) -> Iterator[Paragraph]:
        """Give the paragraphs of rows that follow each other in reading order.

        A paragraph goes on as long as its lines stand one below the other at the usual distance and in one size, and
        each ends where the first word of the next had no room. Its first line may be indented; an item of a list begins
        with its mark, and its other lines may be indented. Each row that stands for itself is one, too.
        """
        for number, run in enumerate(self._runs(rows)):
            found: list[list[Row]] = []
            edge = sorted(row.right for row in run)[-2 if len(run) > 3 else -1]
            kept = len(run) > 1 and not self._is_running(run, edge)
            for row in run:
                if found and not self._starts(found[-1], row, edge, kept):
                    found[-1].append(row)
                else:
                    found.append([row])
            for i, part in enumerate(found):
                size = float(np.median([self._size(row) for row in part]))
                yield Paragraph(tuple(part), size, apart=len(found) == 1, first=not i, kept=kept, run=number)

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

    def _is_running(self, run: Sequence[Row], edge: float) -> bool:
        """Whether rows are running text; else they are kept as they are. Their run ends at `edge`."""
        texts = [self._text(row) for row in run]
        if sum(map(has_leader, texts)) > len(texts) / 2:
            return False  # a list of contents
        if min(map(self._size, run)) >= LARGER or section_depth(texts[0]):
            return True  # a heading
        if edge - min(row.left for row in run) < NARROW * self._height:
            return False
        if any(above[-1] == "-" and below[0].islower() for above, below in pairwise(texts) if above and below):
            return True  # a word goes on in the next row
        wrapped = float(np.mean([not self._has_room(above, below, edge) for above, below in pairwise(run)]))
        # Two rows are no more than a pair of lines where one of them has nothing but numbers and names.
        judged = texts if len(texts) == 2 else [" ".join(texts)]
        if min(map(_share_of_small, judged)) >= SMALL:
            return wrapped >= WRAPPED
        return wrapped >= WRAPPED_NAMES and len(run) >= NAMES_ROWS

    def _starts(self, paragraph: Sequence[Row], row: Row, edge: float, kept: bool) -> bool:
        """Whether a row starts a paragraph of its own below one; their run ends at `edge` and is `kept` or not."""
        above, height = paragraph[-1], row.height
        mark, mark_above = list_mark(self._text(row)), list_mark(self._text(paragraph[0]))
        if kept and not mark_above:
            return True
        if self._has_room(above, row, edge) or (mark and mark in ("bullet", mark_above)):
            return True
        if mark and is_first(self._text(row)) and (mark_above or self._text(above)[-1:] in ".:;"):
            return True  # of another list, or one within an item
        if is_speech(self._text(row)) and is_speech(self._text(paragraph[0])):
            return True
        if _is_centred(above, row):
            return False
        mark_above = mark_above or ("section" if section_depth(self._text(paragraph[0])) else "")
        indent, second = (row.left - above.left) / height, len(paragraph) == 1
        if indent > INDENT:
            return not (second and mark_above)
        return indent < -INDENT and not (second and not mark_above)

    def _has_room(self, above: Row, below: Row, edge: float) -> bool:
        """Whether the first word of a row had found room in the one above."""
        room = (edge - above.right) * (2 if _is_centred(above, below) else 1) - below.height / 2
        return room > self._first_word(below)

    def _alike(self, a: Row, b: Row) -> bool:
        """Whether two rows are of one size, as far as can be told."""
        long = min(len(self._text(a)), len(self._text(b))) >= LETTERS
        return not long or any(
            1 / LARGER <= one / other <= LARGER for one, other in zip(self._sizes(a), self._sizes(b), strict=True)
        )

    def _size(self, row: Row) -> float:
        """Return the size of a row, relative to most text of the page."""
        sizes = self._sizes(row)
        return sum(sizes) / len(sizes)

    def _sizes(self, row: Row) -> list[float]:
        """Return the size by each measure of how wide letters are."""
        size = row.height / self._height
        if len(self._text(row)) < LETTERS:
            return [size] * len(self._widths)
        wider = [width(row) / usual for width, usual in zip(self._letter_widths, self._widths, strict=True)]
        return [each**WIDTH_COUNTS * size ** (1 - WIDTH_COUNTS) for each in wider]

    @property
    def _letter_widths(self) -> tuple[Callable[[Row], float], ...]:
        """The mean width of a row's letters, all alike, as in typewriting, and by how wide they are in print."""
        return lambda row: self._letter_width(row, _typed_width), lambda row: self._letter_width(row, _usual_width)

    def _letter_width(self, row: Row, letters: Callable[[str], float]) -> float:
        widths = float((row.boxes[:, 2] - row.boxes[:, 0]).sum())
        return max(widths / max(sum(letters(self._texts[line]) for line in row.lines), 1.0), 1e-6)

    def _first_word(self, row: Row) -> float:
        """Return the width of the first word of a row and the space before it."""
        text = self._texts[row.lines[0]]
        words = text.split()
        return float(row.boxes[0, 2] - row.boxes[0, 0]) * (len(words[0]) + 1) / len(text) if words else 0.0

    def _text(self, row: Row) -> str:
        return " ".join(self._texts[line].strip() for line in row.lines)


def _typed_width(text: str) -> float:
    return len(text) + sum(_is_wide(c) for c in text)


def _usual_width(text: str) -> float:
    return sum(_WIDTHS.get(c, 1.0) + _is_wide(c) for c in text)


def _is_wide(character: str) -> bool:
    """Whether a character takes the room of two, as Chinese ones do."""
    return character > "\u1100" and unicodedata.east_asian_width(character) in "WF"


def _is_centred(above: Row, below: Row) -> bool:
    return abs((below.left + below.right) - (above.left + above.right)) < below.height


def _share_of_small(text: str) -> float:
    """Return the share of words in small letters in those that begin with a cased letter or a digit; 1 for none."""
    first = [word[0] for word in _WORD.findall(text)]
    count = sum(c.islower() or c.isupper() or c.isdigit() for c in first)
    return sum(c.islower() for c in first) / count if count else 1.0


def _usual_pitch(rows: Sequence[Row]) -> float:
    """Return the usual distance of the centres of rows that follow each other, in their heights."""
    pitches = [(b.middle - a.middle) * 2 / (a.height + b.height) for a, b in pairwise(rows)]
    near = [pitch for pitch in pitches if 0 < pitch < 3]
    return float(np.median(near)) if near else 1.0


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    order = np.argsort(values)
    sums = np.cumsum(np.asarray(weights, float)[order])
    return float(np.asarray(values, float)[order][np.searchsorted(sums, sums[-1] / 2)])
