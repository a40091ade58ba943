"""What the lines of a page form: headings, paragraphs, lists and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ocr_core.geometry import Points

Kind = Literal["heading", "paragraph", "list", "table"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines of a page that belong together, as indices into the page's lines, which are in reading order."""

    kind: Kind
    lines: tuple[int, ...]
    """All lines of the block. Of a list: its items are told apart by `items`."""
    level: int = 0
    """Of a heading, 1 (largest) to 6; else 0."""
    items: tuple[tuple[int, ...], ...] = ()
    """Of a list: the lines of each item."""
    cells: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """Of a table: rows of cells of lines; a cell may be empty."""


def find_blocks(quads: Sequence[Points], texts: Sequence[str]) -> tuple[Block, ...]:
    """Return the blocks of a page in reading order; every line is in one of them.

    Args:
        quads: 4×2 corners of each line, the lines in reading order.
        texts: what each line says.
    """
    assert len(quads) == len(texts)
    return (Block(kind="paragraph", lines=tuple(range(len(texts)))),) if texts else ()
