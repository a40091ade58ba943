"""What stands at the top or the foot of one page after the other: titles that run along, and numbers of pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ocr_core.geometry import turn_points
from ocr_core.layout.blocks import Block
from ocr_core.pipeline.result import Page

PLACE = 0.01
"""How far one may move, in heights of the page."""
BEFORE = 2
"""Pages that are looked back at: left ones differ from right ones."""
EACH = 2
"""Most rows at the top, and at the foot."""

ALIKE = 0.25
"""Pages that share more of their other lines than this are copies of one form."""

_NUMBER = re.compile(r"\d+")
_ROMAN = re.compile(r"(?=[ivxl])(x[lc]|l?x{0,3})(ix|iv|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row at the edge of a page."""

    page: int
    top: bool
    middle: float
    """In heights of the page."""
    text: str
    """With signs in place of numbers."""
    numbers: tuple[int, ...]

    def goes_on(self, earlier: _Row) -> bool:
        """Whether one of an earlier page runs along to this one; where nothing but a number does it counts pages."""
        if self.top != earlier.top or self.text != earlier.text or abs(self.middle - earlier.middle) > PLACE:
            return False
        if any(c.isalpha() for c in self.text):
            return True
        return len(self.numbers) == 1 and self.numbers[0] - earlier.numbers[0] == self.page - earlier.page


class RunningHeads:
    """Finds those of pages that are given one after the other."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._texts: dict[int, frozenset[int]] = {}

    def find(self, page: Page, blocks: Sequence[Block]) -> frozenset[int]:
        """Return which blocks of a page stood at the same place of one of the two pages before it, numbers aside.

        Copies of one form are alike in more than that: all that they say is their own.
        """
        rows = dict(_edges(page, blocks))
        edges = {line for i in rows for line in blocks[i].lines}
        texts = frozenset(hash(line.text) for i, line in enumerate(page.lines) if i not in edges)
        near = [number for number in self._texts if 0 < page.number - number <= BEFORE]
        earlier = [
            row for row in self._rows if row.page in near and len(texts & self._texts[row.page]) <= ALIKE * len(texts)
        ]
        self._rows = [*(row for row in self._rows if row.page in near), *rows.values()]
        self._texts = {number: self._texts[number] for number in near} | {page.number: texts}
        return frozenset(i for i, row in rows.items() if any(row.goes_on(other) for other in earlier))


def _edges(page: Page, blocks: Sequence[Block]) -> Iterator[tuple[int, _Row]]:
    """Give the blocks of one row that stand above all others, or below, by their index."""
    if len(blocks) <= 1:
        return
    size = page.width, page.height
    quads = [turn_points(line.quad, size, page.rotation)[:, 1] for line in page.lines]
    tops = np.array([min(quads[i].min() for i in block.lines) for block in blocks])
    bottoms = np.array([max(quads[i].max() for i in block.lines) for block in blocks])
    height = size[0] if page.rotation % 180 else size[1]
    for top, order in ((True, np.argsort(tops)), (False, np.argsort(-bottoms))):
        for count, i in enumerate(order[:EACH].tolist()):
            rest = order[count + 1 :]
            apart = (tops[rest] >= bottoms[i]).all() if top else (bottoms[rest] <= tops[i]).all()
            lines = blocks[i].lines
            heights = [np.ptp(quads[line]) for line in lines]
            if not apart or blocks[i].kind == "heading" or bottoms[i] - tops[i] > 2 * max(heights):
                break
            text = " ".join(page.lines[line].text for line in lines)
            yield i, _row(page.number, top, float(tops[i] + bottoms[i]) / 2 / height, text)


def _row(page: int, top: bool, middle: float, text: str) -> _Row:
    if _ROMAN.fullmatch(text):
        return _Row(page, top, middle, "#", (_value(text),))
    return _Row(page, top, middle, _NUMBER.sub("#", text), tuple(int(n[:9]) for n in _NUMBER.findall(text)))


def _value(roman: str) -> int:
    values = [_ROMAN_VALUES[c] for c in roman]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
