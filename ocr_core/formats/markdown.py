"""Markdown (CommonMark, with the tables of GitHub's): headings, paragraphs, lists and tables in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.escaping import escape, escape_cell, escape_item, escape_lines, inline
from ocr_core.formats.running_heads import RunningHeads
from ocr_core.formats.structure import laid_out
from ocr_core.formats.text import Texts, joined
from ocr_core.layout.blocks import Block
from ocr_core.layout.continued import MOST_NOTES, is_open, is_rest
from ocr_core.layout.marks import is_note
from ocr_core.layout.paragraphs import join_lines
from ocr_core.pipeline.result import Page

_BULLET = re.compile(r"^[•●○▪■□◦‣⁃·∙–—*+-]\s+")
# What CommonMark takes for the end of a heading, and does not show.
_CLOSING = re.compile(r"(?<=\s)#+$")
_FENCE = re.compile(r"^ *(`{3,})", re.MULTILINE)
_ESCAPED = r"\\\g<0>"
_NUMBER = re.compile(r"^\(?([0-9]{1,9})[.)]\s+")


class MarkdownWriter:
    """Writes Markdown; a comment stands before every page after the first, and in place of one that failed.

    Running heads and feet that a page shares with one before it stand in its comment. A paragraph that goes on with the
    next page stands before the comment of that.
    """

    def __init__(self) -> None:
        self._first = True
        self._written = False
        self._last = 0
        self._heads = RunningHeads()
        self._open: _Open | None = None

    def page(self, original: Original, page: Page | FailedPage) -> bytes:  # noqa: ARG002
        """Return a page, with a line feed at its end, but for its last paragraph where that may go on with the next."""
        first, self._first = self._first, False
        if isinstance(page, FailedPage):
            comment = _comment(f"page {page.number} could not be read: {page.reason}")
            return self._write([*self._closed(), comment])
        lines, found = laid_out(page)
        page, blocks = replace(page, lines=lines), list(found)
        texts = Texts.of(lines)
        running = self._heads.find(page, blocks)
        heads = [joined(blocks[i].lines, texts) for i in sorted(running)]
        comment = "" if first else _comment(" | ".join((f"page {page.number}", *heads)))
        blocks = [block for i, block in enumerate(blocks) if i not in running]
        follows, self._last = page.number == self._last + 1, page.number
        if (
            self._open
            and follows
            and blocks
            and blocks[0].kind == "paragraph"
            and is_rest(texts.lines[blocks[0].lines[0]])
        ):
            rest = blocks.pop(0)
            self._open = self._open.joined([texts.lines[i] for i in rest.lines], texts.compounds)
        parts = [*self._closed(), comment]
        last = _open_paragraph(blocks, texts)
        parts += _blocks(blocks[:last], texts)
        if last < len(blocks):
            said = tuple(texts.lines[i] for i in blocks[last].lines)
            self._open = _Open(said, texts.compounds, list(_blocks(blocks[last + 1 :], texts)))
        return self._write(parts)

    def end(self) -> Iterator[bytes]:
        """Give the last paragraph of the last page, if it was open."""
        yield self._write(self._closed())

    def _closed(self) -> list[str]:
        """Return what the page before has left to write."""
        left, self._open = self._open, None
        return [escape(join_lines(left.lines, left.compounds)), *left.behind] if left else []

    def _write(self, parts: Sequence[str]) -> bytes:
        text = "\n\n".join(part for part in parts if part)
        separator = "\n" if self._written else ""
        self._written = self._written or bool(text)
        return f"{separator}{text}\n".encode(errors="replace") if text else b""


@dataclass(frozen=True, slots=True)
class _Open:
    """A paragraph at the end of a page that may go on with the next one, and what stands below it."""

    lines: tuple[str, ...]
    compounds: frozenset[str]
    behind: list[str]

    def joined(self, lines: Sequence[str], compounds: frozenset[str]) -> _Open:
        return replace(self, lines=(*self.lines, *lines), compounds=self.compounds | compounds)


def _open_paragraph(blocks: Sequence[Block], texts: Texts) -> int:
    """Return which block is the page's last paragraph, notes and a number aside, if it is open; else their number."""
    behind = len(blocks)
    while behind and len(blocks) - behind <= MOST_NOTES:
        block = blocks[behind - 1]
        first = texts.lines[block.lines[0]]
        if block.kind == "paragraph" and is_open(texts.lines[block.lines[-1]]) and not is_note(first):
            return behind - 1
        if not (first.isdecimal() or is_note(first)):
            break
        behind -= 1
    return len(blocks)


def _blocks(blocks: Sequence[Block], texts: Texts) -> Iterator[str]:
    """Give what blocks are written as, a comment between two numbered lists: else they were one that counts on."""
    numbered = False
    for block in blocks:
        written = _block(block, texts)
        after, numbered = numbered, block.kind == "list" and written[:1].isdecimal()
        if after and numbered:
            yield "<!-- -->"
        yield written


def _block(block: Block, texts: Texts) -> str:
    if block.kind == "heading":
        mark, title = "#" * min(max(block.level, 1), 6), inline(joined(block.lines, texts))
        return f"{mark}{_CLOSING.sub(_ESCAPED, f' {title}')}"
    if block.code:
        return _fenced(block.code)
    if block.kind == "lines":
        return escape_lines([joined(item, texts) for item in block.items])
    if block.items:
        return _list([joined(item, texts) for item in block.items], block.depths or (0,) * len(block.items))
    if block.cells:
        return _table([[escape_cell(joined(cell, texts)) for cell in row] for row in block.cells])
    return escape(joined(block.lines, texts))


def _fenced(rows: Sequence[str]) -> str:
    """Return a listing, in a fence that none of its rows ends."""
    longest = max(map(len, _FENCE.findall("\n".join(rows))), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((fence, *rows, fence))


def _list(items: Sequence[str], depths: Sequence[int]) -> str:
    """Return a list; lines where its numbers do not follow each other, for Markdown counts by itself."""
    last: dict[int, int | None] = {}
    indents: list[str] = [""]
    rows: list[str] = []
    above = 0
    for item, depth in zip(items, depths, strict=True):
        number = int(found[1]) if (found := _NUMBER.match(item)) else None
        before = last.get(depth)
        if before is not None and number is not None and number != before + 1:
            return escape_lines(items)
        last = {other: value for other, value in last.items() if other < depth} | {depth: number}
        if rows and depth > above and number not in (None, 1):
            rows.append("")  # no other number begins a list right below text
        above = depth
        rows.append(indents[depth] + _item(item))
        mark = len(found[1]) + 2 if found else 2
        indents = [*indents[: depth + 1], indents[depth] + " " * mark]
    return "\n".join(rows)


def _item(text: str) -> str:
    """Return an item of a list, the mark that it begins with as one of Markdown's."""
    if number := _NUMBER.match(text):
        return f"{number[1]}. {escape_item(text[number.end() :])}"
    return f"- {escape_item(_BULLET.sub('', text))}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row is its head; short rows are filled up."""
    columns = max(len(row) for row in rows)
    filled = [[*row, *[""] * (columns - len(row))] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (filled[0], ["---"] * columns, *filled[1:]))


def _comment(text: str) -> str:
    return f"<!-- {re.sub('--+', '-', ' '.join(text.split()))} -->"
