"""Plain text in reading order: paragraphs as running text, a blank line between blocks, a form feed between pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.structure import laid_out
from ocr_core.layout.blocks import Block
from ocr_core.layout.paragraphs import compounds_in, join_lines
from ocr_core.pipeline.result import Line, Page

PAGE_BREAK = "\f"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the lines of a page say, and the words with hyphens that it spells out."""

    lines: tuple[str, ...]
    compounds: frozenset[str]

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Texts:
        """Return those of a page."""
        texts = tuple(line.text for line in lines)
        return cls(texts, compounds_in(texts))


class TextWriter:
    """Writes text; a page that failed is an empty one."""

    def __init__(self) -> None:
        self._separator = ""

    def page(self, original: Original, page: Page | FailedPage) -> bytes:  # noqa: ARG002
        """Return the text of a page, with a line feed at its end."""
        text = "" if isinstance(page, FailedPage) else page_text(page)
        separator, self._separator = self._separator, PAGE_BREAK
        return f"{separator}{text}".encode(errors="replace")

    def end(self) -> Iterator[bytes]:
        """Give nothing: there is no closing mark."""
        yield from ()


def page_text(page: Page) -> str:
    """Return the text of a page, its last line with a line feed; empty if there is none."""
    lines, blocks = laid_out(page)
    texts = Texts.of(lines)
    return "\n\n".join(_block_text(block, texts) for block in blocks) + "\n" if blocks else ""


def _block_text(block: Block, texts: Texts) -> str:
    if block.code:
        return "\n".join(block.code)
    if block.cells:
        return "\n".join("\t".join(joined(cell, texts) for cell in row).rstrip("\t") for row in block.cells)
    groups = block.items or (block.lines,)
    depths = block.depths or (0,) * len(groups)
    return "\n".join("  " * depth + joined(group, texts) for depth, group in zip(depths, groups, strict=True))


def joined(lines: Sequence[int], texts: Texts) -> str:
    """Return some lines of a page as running text."""
    return join_lines([texts.lines[i] for i in lines], texts.compounds)
