"""Lists within items of others, by how far in their marks stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ocr_core.layout.boxes import Row

DEEPER = 1.0
"""Least distance of the marks of a list from those of the one that it is within, in heights of a row. Numbers that end
below each other begin half a height apart."""


@dataclass(slots=True)
class _Level:
    left: float
    mark: str


def nested(rows: Sequence[Row], marks: Sequence[str]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Give the lists that items in reading order form: the first item of each, and how deep each of them lies, from 0.

    Args:
        rows: the first row of each item.
        marks: the kind of the mark of each.
    """
    levels: list[_Level] = []
    depths: list[int] = []
    start = 0
    for i, (row, mark) in enumerate(zip(rows, marks, strict=True)):
        if i and row.middle < rows[i - 1].middle:
            _move(levels, row.left, mark)
        while levels and row.left < levels[-1].left - DEEPER * row.height:
            levels.pop()
        if levels and row.left > levels[-1].left + DEEPER * row.height:
            levels.append(_Level(row.left, mark))
        elif len(levels) > 1:
            levels[-1] = _Level(row.left, mark)
        elif not levels or mark != levels[0].mark:
            if depths:
                yield start, tuple(depths)
            levels, depths, start = [_Level(row.left, mark)], [], i
        depths.append(len(levels) - 1)
    if depths:
        yield start, tuple(depths)


def _move(levels: list[_Level], left: float, mark: str) -> None:
    """Take the levels to the next column, where an item with this mark stands at `left`."""
    known = next((level for level in reversed(levels) if level.mark == mark), None)
    if known is None:
        levels.clear()
        return
    by = left - known.left
    for level in levels:
        level.left += by
