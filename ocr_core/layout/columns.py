"""Columns of running text that stand side by side as the columns of a table do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np

from ocr_core.layout.boxes import Boxes, Words
from ocr_core.layout.grid import ALIGNED, Part
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
"""of which at least such a share is in small letters, are no table,"""
SET_APART = 1.0
"""but where their cells are lines of their own, with at least so many heights between them, unless all columns are
blocks of text: at least `MOST_WORDS` a line in the mean, and"""
FILLED = 0.5
"""no line but the last narrower than this part of the widest."""
WRAPPED = 0.6
"""Least share of lines that end where the first word of the next had no room."""


def columns_of_text(cells: Cells, words: Sequence[Words], boxes: Boxes) -> list[list[int]]:
    """Return the lines of each column of what was taken for a table, if all are running text; none if it is one.

    Args:
        cells: of the table.
        words: of each line of the page.
        boxes: of each line of the page.
    """
    columns = [[part for cell in column for part in cell] for column in zip(*cells, strict=True)]
    if any(part.start > 0 or part.stop < len(words[part.line]) for column in columns for part in column):
        return []
    lines = [[part.line for part in column] for column in columns]
    texts = [[words[line] for line in column] for column in lines]
    runs = all(map(_is_running, texts)) and max(map(_mean_words, texts)) >= MOST_WORDS
    wordy = min(map(_mean_words, texts)) >= MANY_WORDS and is_text(cells, words, boxes)
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


def is_text(cells: Cells, words: Sequence[Words], boxes: Boxes) -> bool:
    """Whether a few rows, no column of them numbers, are rather lines of running text with wide spaces.

    Args:
        cells: of what was taken for a table.
        words: of each line of the page.
        boxes: of each line of the page.
    """
    rows = [[_texts(cell, words) for cell in row] for row in cells]
    texts = list(chain.from_iterable(chain.from_iterable(rows)))
    if len(rows) > FEW_ROWS or len(texts) < FEW_WORDS * len(rows):
        return False
    if any(2 * sum(map(_is_number, column)) > len(column) for column in zip(*rows, strict=True)):
        return False
    small = sum(text[:1].islower() for text in texts) >= MANY_SMALL * len(texts)
    return small and not _is_set_apart(cells, words, boxes)


def _is_set_apart(cells: Cells, words: Sequence[Words], boxes: Boxes) -> bool:
    """Whether cells are whole lines that begin one below the other, with more between them than spaces of text."""
    parts = [part for row in cells for cell in row for part in cell]
    if any(part.start > 0 or part.stop < len(words[part.line]) for part in parts):
        return False
    rows = [[cell for cell in row if cell] for row in cells]
    columns = [[cell for cell in column if cell] for column in zip(*cells, strict=True)]
    height = np.median([boxes[part.line, 3] - boxes[part.line, 1] for part in parts])
    gaps = [boxes[b[0].line, 0] - max(boxes[part.line, 2] for part in a) for row in rows for a, b in pairwise(row)]
    lefts = [[boxes[cell[0].line, 0] for cell in column] for column in columns]
    aligned = max(max(column) - min(column) for column in lefts) <= ALIGNED * height
    blocks = all(_is_block([words[part.line] for cell in column for part in cell]) for column in columns)
    return bool(aligned and min(gaps) >= SET_APART * height) and not blocks


def _is_block(lines: Sequence[Words]) -> bool:
    widths = [line[-1][2] - line[0][1] for line in lines]
    return _mean_words(lines) >= MOST_WORDS and min(widths[:-1], default=0.0) >= FILLED * max(widths)


def _texts(cell: Sequence[Part], words: Sequence[Words]) -> list[str]:
    return [text for part in cell for text, _, _ in words[part.line][part.start : part.stop]]


def _is_number(texts: Sequence[str]) -> bool:
    return any(c.isdigit() for text in texts for c in text) and not any(c.isalpha() for text in texts for c in text)
