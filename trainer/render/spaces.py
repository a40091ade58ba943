"""The spaces of a line of a PDF: its program writes some that nobody sees, and listings one between any two letters."""

from __future__ import annotations

import itertools
import re

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NARROW_SPACE = 1.3
"""A space that is no wider than so many of the widest gap between its line's letters may be none."""
LINE_NUMBER = re.compile(r"[0-9]+ +(?=\S)")
FEWEST_COLUMNS = 4
OFF_COLUMN = 0.28
"""Letters of a listing stand less than so many columns beside their own."""
WIDEST_GAP = 0.355
"""The narrowest gap between a listing's columns, in heights of its line, at most: 0.35 in the JuliaCon papers. What is
set letter by letter in other fonts has spaces in between, which are wider."""


def are_seen(text: str, spans: Floats) -> bool:
    """Whether a line has words, and spaces that can be seen: each wider than the gaps between letters.

    Args:
        text: of the line, n characters.
        spans: n×2, where each of them begins and ends from left to right; those of spaces are not looked at.
    """
    words = text.split()
    if len(words) > 2 and 2 * sum(len(word) == 1 and word.isalpha() for word in words) >= len(words):
        return False
    inked = [at for at, character in enumerate(text) if character != " "]
    within, across = [0.0], [np.inf]
    for before, at in itertools.pairwise(inked):
        (within if at == before + 1 else across).append(float(spans[at][0] - spans[before][1]))
    return min(across) > NARROW_SPACE * max(within)


def in_columns(text: str, spans: Floats, height: float) -> list[int] | None:
    """Return which characters of a line remain when spaces between neighbouring columns go; None if it has no columns.

    Listings set one letter a column: a space is a column left free. A line's number ahead of it stands as it likes.
    `height` is that of the line's ink, the other arguments are those of `are_seen`.
    """
    kept = _in_columns(text, spans, height)
    if kept is None and (number := LINE_NUMBER.match(text)):
        after = number.end()
        rest = _in_columns(text[after:], spans[after:], height)
        kept = None if rest is None else [*range(after), *(after + at for at in rest)]
    return kept


def _in_columns(text: str, spans: Floats, height: float) -> list[int] | None:
    inked = [at for at, character in enumerate(text) if character != " "]
    if len(inked) < FEWEST_COLUMNS:
        return None
    steps = np.diff(spans[inked].mean(axis=1))
    columns = steps / max(float(np.median(steps)), 1e-3)
    gaps, widths = spans[inked[1:], 0] - spans[inked[:-1], 1], np.diff(spans[inked])
    if np.median(gaps) > widths.max():  # a column is as wide as its letters: these stand in every other one
        return None
    if columns.min() < 0.5 or np.abs(columns - np.rint(columns)).max() > OFF_COLUMN:
        return None
    beside = np.rint(columns) <= 1
    if np.any(beside & (np.diff(inked) > 1)) and gaps[beside].min() > WIDEST_GAP * height:
        return None
    kept = [0]
    for (before, at), free in zip(itertools.pairwise(inked), np.rint(columns) > 1, strict=True):
        if free and at == before + 1:
            return None
        kept += range(before + 1, at + 1) if free else [at]
    return kept
