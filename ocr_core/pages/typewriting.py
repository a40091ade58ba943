"""Lines set in a font whose letters are all of one width, as code is, and how many spaces stand in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocr_core.pages.glyphs import Glyph

EVEN = 0.04
"""Widths that differ by less than this share are one: those of small type are rounded."""
MOST = 0.8
"""Least share of characters with the width of most. PDFium widens boxes by ink that leaves them, and signs that a font
lacks come from another."""
LETTERS = 6
"""So many different letters of one width, and so many of them narrow ones, are found in no other font."""
NARROW = 2
"""In others figures are of one width, and Chinese, and many letters of Helvetica."""
COLUMNS = 4
"""So many letters that stand no farther aside of columns of a known width"""
ASIDE = 0.15
"""than this are of the font that has it, though the boxes of some are wider."""
MOST_SIZES = 16
"""No page has more sizes of such letters. Each line is compared with all."""
WIDE = 2.0
"""A gap narrower than so many letters, and wider than half of one, is most often one space: TeX's are wider than
letters."""
LONGEST = 200
"""No gap makes a line of more characters."""

_NARROW = frozenset("fijlrtI")


@dataclass(frozen=True, slots=True)
class Pitches:
    """The typewritten letters of a page."""

    sizes: tuple[tuple[float, float], ...]
    """Width and height of each size of them."""
    space: float
    """How wide a space is, in letters."""

    @classmethod
    def of(cls, lines: Sequence[Sequence[Glyph]]) -> Pitches:
        """Return those of the lines that have enough letters to tell."""
        sizes: list[tuple[float, float]] = []
        gaps: list[float] = []
        for line in lines:
            width, letters = _width(line)
            if len(letters) >= LETTERS and len(letters & _NARROW) >= NARROW:
                gaps += (gap for gap in _gaps(line[_numbered(line) :], width) if 0.5 < gap < WIDE)
                if len(sizes) < MOST_SIZES and not _is_among(sizes, width, _height(line)):
                    sizes.append((width, _height(line)))
        return cls(tuple(sizes), float(np.median(gaps)) if gaps else 1.0)


def typed(line: Sequence[Glyph], pitches: Pitches) -> tuple[str, float]:
    """Return the text of a line with as many spaces between words as there is room for, and the width of a space.

    Where its letters are of several widths they are empty and 0.
    """
    height = _height(line)
    width, _ = _width(line)
    if not _is_among(pitches.sizes, width, height):
        width = next((w for w, h in pitches.sizes if abs(height - h) <= 4 * EVEN * h and _is_in_columns(line, w)), 0.0)
    if not width:
        return "", 0.0
    text = line[0].text
    for gap, glyph in zip(_gaps(line, width), line[1:], strict=True):
        text += " " * round(min(gap / pitches.space, LONGEST - len(text))) + glyph.text
    return text, pitches.space * width


def _is_among(sizes: Sequence[tuple[float, float]], width: float, height: float) -> bool:
    return any(abs(width - w) <= EVEN * w and abs(height - h) <= 4 * EVEN * h for w, h in sizes)


def _is_in_columns(line: Sequence[Glyph], width: float) -> bool:
    """Whether letters stand in columns of this width, though their boxes are wider: by ink that leaves them."""
    middles = np.array([glyph.left + glyph.right for glyph in line[_numbered(line) :]]) / 2
    columns = (middles - middles[0]) / width
    return len(middles) >= COLUMNS and (np.abs(columns - np.round(columns)) <= ASIDE).mean() >= MOST


def _gaps(line: Sequence[Glyph], width: float) -> Iterable[float]:
    return ((glyph.left - last.right) / width for last, glyph in pairwise(line))


def _width(line: Sequence[Glyph]) -> tuple[float, set[str]]:
    """Return the width of the letters of a line behind its number, if it has one, and which letters they are.

    If they are of several widths it is 0.
    """
    numbered = _numbered(line)
    widths = np.array([glyph.right - glyph.left for glyph in line[numbered:]])
    width = float(np.median(widths))
    even = np.abs(widths - width) <= EVEN * width
    if even.mean() < MOST:
        return 0.0, set()
    letters = (glyph.text for glyph, is_even in zip(line[numbered:], even, strict=True) if is_even)
    return width, {c for c in letters if c.lower() != c.upper()}


def _numbered(line: Sequence[Glyph]) -> int:
    """Return how many figures a line begins with; 0 for one that has nothing else."""
    return next((i for i, glyph in enumerate(line) if not glyph.text.isdecimal()), 0)


def _height(line: Sequence[Glyph]) -> float:
    """Return the usual height of the letters of a line."""
    return float(np.median([glyph.height for glyph in line]))
