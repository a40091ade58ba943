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

MOST = 0.5
"""Largest share of a page's words in its running heads; where there are more, all of them are the page's own."""

_NUMBER = re.compile(r"\d+")
_COUNTER = re.compile(
    r"(?<![\w$€£¥#№])(?<!\d[^\w\s])(?<!\b[Nn][or][.:] )(?<!\b[Nn][or] )\d{1,6}(?![\w%$€£¥]|[^\w\s]\d)"
)
"""A number that may be a page's: no part of an amount, a date or a time, and not the number of an invoice."""
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

    def goes_on(self, earlier: _Row) -> bool:
        """Whether one of an earlier page runs along to this one: word for word, but for a number that counts pages."""
        if self.top != earlier.top or abs(self.middle - earlier.middle) > PLACE:
            return False
        if self.text == earlier.text:
            return any(c.isalpha() for c in self.text)
        return _counted(earlier.text, self.text) == self.page - earlier.page


class RunningHeads:
    """Finds those of pages that are given one after the other."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._texts: dict[int, frozenset[int]] = {}

    def find(self, page: Page, blocks: Sequence[Block]) -> frozenset[int]:
        """Return which blocks of a page stood at the same place of one of the two pages before it.

        Copies of one form are alike in more than that: all that they say is their own. Whether pages are copies is not
        known where they say nothing else.
        """
        rows = dict(_edges(page, blocks))
        edges = {line for i in rows for line in blocks[i].lines}
        texts = frozenset(hash(line.text) for i, line in enumerate(page.lines) if i not in edges)
        near = [number for number in self._texts if 0 < page.number - number <= BEFORE]
        own = [number for number in near if texts and len(texts & self._texts[number]) <= ALIKE * len(texts)]
        earlier = [row for row in self._rows if row.page in own]
        self._rows = [*(row for row in self._rows if row.page in near), *rows.values()]
        self._texts = {number: self._texts[number] for number in near} | {page.number: texts}
        found = frozenset(i for i, row in rows.items() if any(row.goes_on(other) for other in earlier))
        words = sum(len(line.text.split()) for line in page.lines)
        return found if sum(len(rows[i].text.split()) for i in found) <= MOST * words else frozenset()


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
            yield i, _Row(page.number, top, float(tops[i] + bottoms[i]) / 2 / height, text)


def _counted(earlier: str, later: str) -> int:
    """Return by how much the one number differs that two texts differ in; 0 where it, or they, may not count pages."""
    if _ROMAN.fullmatch(earlier) and _ROMAN.fullmatch(later):
        return _value(later) - _value(earlier)
    if _NUMBER.split(earlier) != _NUMBER.split(later):
        return 0
    pairs = zip(_NUMBER.finditer(earlier), _NUMBER.finditer(later), strict=True)
    changed = [(one, other) for one, other in pairs if one[0] != other[0]]
    if len(changed) != 1 or not all(_COUNTER.match(found.string, found.start()) for found in changed[0]):
        return 0
    return int(changed[0][1][0]) - int(changed[0][0][0])


def _value(roman: str) -> int:
    values = [_ROMAN_VALUES[c] for c in roman]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
