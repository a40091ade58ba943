"""Columns of running text that stand side by side as the columns of a table do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise

from ocr_core.layout.boxes import Words
from ocr_core.layout.grid import Part
from ocr_core.layout.tables import Cells

ROWS = 3
"""A column of fewer lines, which may be labels or values, has at least so many words a line, in the mean:"""
MANY_WORDS = 3.0
WORDS = 1.5
"""Least words of a line in longer columns;"""
MOST_WORDS = 2.0
"""and in that which has most."""
SMALL = 0.3
"""Least share of words in small letters."""
FEW_ROWS = 3
"""So few rows, with so many words each in the mean,"""
FEW_WORDS = 4.0
MANY_SMALL = 0.5
"""of which at least such a share is in small letters, are no table."""
WRAPPED = 0.6
"""Least share of lines that end where the first word of the next had no room."""


def columns_of_text(cells: Cells, words: Sequence[Words]) -> list[list[int]]:
    """Return the lines of each column of what was taken for a table, if all are running text; none if it is one.

    Args:
        cells: of the table.
        words: of each line of the page.
    """
    columns = [[part for cell in column for part in cell] for column in zip(*cells, strict=True)]
    if any(part.start > 0 or part.stop < len(words[part.line]) for column in columns for part in column):
        return []
    lines = [[part.line for part in column] for column in columns]
    texts = [[words[line] for line in column] for column in lines]
    runs = all(map(_is_running, texts)) and max(map(_mean_words, texts)) >= MOST_WORDS
    wordy = min(map(_mean_words, texts)) >= MANY_WORDS and is_text(cells, words)
    return lines if runs or wordy else []


def _is_running(lines: Sequence[Words]) -> bool:
    if len(lines) < 2 or _mean_words(lines) < (WORDS if len(lines) >= ROWS else MANY_WORDS):
        return False
    texts = [text for line in lines for text, _, _ in line]
    if sum(text[:1].islower() for text in texts) < SMALL * len(texts):
        return False
    edge = max(line[-1][2] for line in lines)
    wrapped = [edge - above[-1][2] < below[0][2] - below[0][1] for above, below in pairwise(lines)]
    return sum(wrapped) >= WRAPPED * len(wrapped)


def _mean_words(lines: Sequence[Words]) -> float:
    return sum(map(len, lines)) / len(lines)


def is_text(cells: Cells, words: Sequence[Words]) -> bool:
    """Whether a few rows, no column of them numbers, are rather lines of running text with wide spaces."""
    rows = [[_texts(cell, words) for cell in row] for row in cells]
    texts = list(chain.from_iterable(chain.from_iterable(rows)))
    if len(rows) > FEW_ROWS or len(texts) < FEW_WORDS * len(rows):
        return False
    if any(2 * sum(map(_is_number, column)) > len(column) for column in zip(*rows, strict=True)):
        return False
    return sum(text[:1].islower() for text in texts) >= MANY_SMALL * len(texts)


def _texts(cell: Sequence[Part], words: Sequence[Words]) -> list[str]:
    return [text for part in cell for text, _, _ in words[part.line][part.start : part.stop]]


def _is_number(texts: Sequence[str]) -> bool:
    return any(c.isdigit() for text in texts for c in text) and not any(c.isalpha() for text in texts for c in text)
