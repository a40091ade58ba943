"""Paragraphs, and items of lists, that go on at the top of the next column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from ocr_core.layout.boxes import Boxes
from ocr_core.layout.marks import is_note

if TYPE_CHECKING:
    from ocr_core.layout.blocks import Block

WORDS = 4
"""Lines of fewer words are those of formulas, drawings and indexes, and go on nowhere."""
MOST_NOTES = 8
"""Below one column."""
ENDS = ".!?:;"
"""Nothing goes on behind these."""


def join_columns(blocks: Sequence[Block], boxes: Boxes, texts: Sequence[str]) -> list[Block]:
    """Return blocks, in reading order, those made one of which one goes on with the other in the next column.

    Notes below the first column come behind both.
    """
    joined: list[Block] = []
    rest = list(reversed(blocks))
    while rest:
        block = rest.pop()
        following = islice(reversed(rest), MOST_NOTES)
        notes = [*takewhile(lambda other: is_note(texts[other.lines[0]]), following)]
        below = rest[-1 - len(notes)] if len(rest) > len(notes) else None
        if below is None or not _goes_on(block, below, boxes, texts):
            joined.append(block)
            continue
        items = (*block.items[:-1], (*block.items[-1], *below.lines)) if block.items else ()
        del rest[-1 - len(notes) :]
        rest += [*reversed(notes), replace(block, lines=block.lines + below.lines, items=items)]
    return joined


def _goes_on(block: Block, other: Block, boxes: Boxes, texts: Sequence[str]) -> bool:
    last, first = block.lines[-1], other.lines[0]
    if block.kind not in ("paragraph", "list") or other.kind != "paragraph":
        return False
    to_the_right = boxes[first, 1] < boxes[last, 1] and boxes[first, 0] >= boxes[last, 2]
    return bool(to_the_right) and is_open(texts[last]) and is_rest(texts[first])


def is_open(line: str) -> bool:
    """Whether something may go on behind a line in another column, or on another page."""
    return len(line.split()) >= WORDS and line[-1:] not in ENDS


def is_rest(line: str) -> bool:
    """Whether a line may be the first in a column, or on a page, of what goes on there."""
    return len(line.split()) >= WORDS and line[:1].islower()
