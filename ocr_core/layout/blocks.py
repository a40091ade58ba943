"""What the lines of a page form: headings, paragraphs, lists and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ocr_core.geometry import Points
from ocr_core.layout.boxes import Boxes, Row, Words, grouped, merged, rows_of, skew_of, turned_back
from ocr_core.layout.code import Listings, Typed
from ocr_core.layout.columns import columns_of_text, is_text
from ocr_core.layout.continued import join_columns
from ocr_core.layout.flow import Flow, Paragraph
from ocr_core.layout.grid import Part
from ocr_core.layout.marks import (
    has_bare_number,
    has_leader,
    has_raised_mark,
    is_address,
    letters_of_words,
    list_mark,
    section_depth,
)
from ocr_core.layout.nesting import nested
from ocr_core.layout.tables import Cells, Tables

SIZES = (1.8, 1.4, 1.25)
"""Least sizes of headings of levels 1, 2 and 3, relative to most text of the page."""
NUMBERED = 1.08
"""Least size of a heading with the number of a section."""
HEADING_ROWS = 3
"""Most rows of a heading."""
HEADING_LETTERS = 3
"""Least letters of a heading."""
WORDY = 0.6
"""Least share of letters in the characters of a heading, and of those in words among them; formulas and amounts have
less."""
KEPT, ITEM = "kept", "item"

MOST_ROWS = 2_000
"""Tables are not looked for on pages of more rows than any printed one has: what almost is one in every fourth row
takes the square of their number."""

Kind = Literal["heading", "paragraph", "lines", "list", "table", "code"]
"""`lines` stand one below the other, each for itself: those of addresses and receipts. `code` is a
listing, whose spaces count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines of a page that belong together, as indices into the parts of a `Layout`."""

    kind: Kind
    lines: tuple[int, ...]
    """All lines of the block."""
    level: int = 0
    """Of a heading, 1 (largest) to 6; else 0."""
    items: tuple[tuple[int, ...], ...] = ()
    """Of a list: the lines of each item. Of `lines` and `code`: those that stand side by side."""
    depths: tuple[int, ...] = ()
    """Of a list: how deep each item lies within others, from 0; empty if none does."""
    cells: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """Of a table: rows of cells of lines; a cell may be empty."""
    code: tuple[str, ...] = ()
    """Of a listing: its rows as they are set, with their indents, blank ones among them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the lines of a page form."""

    blocks: tuple[Block, ...]
    """In reading order; every part is in one of them."""
    parts: tuple[Part, ...]
    """The page's lines, cut where cells of a table were found as one line; what was cut off stands at the end."""


def find_blocks(
    quads: Sequence[Points],
    texts: Sequence[str],
    words: Sequence[Sequence[tuple[str, Points]]] = (),
    typed: Sequence[Typed] = (),
) -> Layout:
    """Return the blocks of a page.

    Args:
        quads: 4×2 corners of each line, the lines in reading order.
        texts: what each line says.
        words: text and corners of the words of each line, where they are known.
        typed: text and space of each line in a font whose letters are all of one width, as far as that is known.
    """
    assert len(quads) == len(texts)
    if not texts:
        return Layout((), ())
    angle = skew_of(quads)
    boxes = turned_back(quads, angle)
    found = [_words(i, boxes, texts, words, angle) for i in range(len(texts))]
    rows = rows_of(boxes, found, range(len(texts)))
    parts = [Part(i, 0, len(each)) for i, each in enumerate(found)]
    flow = Flow(rows, texts)
    blocks: list[Block] = []
    text: list[Row] = []
    groups = grouped(rows)
    of_table = [merged(group) for group in groups]
    listings = Listings(of_table, texts, typed or [("", 0.0)] * len(texts))
    tables = Tables(of_table)
    start = tried = passed = 0
    while start < len(groups):
        if start >= tried:
            tried, code = listings.at(start)
            if code:
                blocks += [*_blocks_of_text(flow, text, texts), _listing(of_table[start:tried], code)]
                text, start, passed = [], tried, tried
                continue
        cells: Cells = ()
        if start >= passed and len(rows) <= MOST_ROWS:
            passed, cells = tables.at(start)
        columns = columns_of_text(cells, found, boxes) if cells else []
        stop = passed
        if columns:
            text += [row for column in columns for row in rows_of(boxes, found, column)]
        elif cells and not _is_list(cells, texts) and not is_text(cells, found, boxes):
            blocks += [*_blocks_of_text(flow, text, texts), _table(cells, parts)]
            text = []
        else:
            text += groups[start]
            stop = start + 1  # of rows that need not be tried for tables, listings may begin with each
        start = stop
    blocks += _blocks_of_text(flow, text, texts)
    return Layout(tuple(join_columns(blocks, boxes, [texts[part.line] for part in parts])), tuple(parts))


def _words(
    line: int, boxes: Boxes, texts: Sequence[str], words: Sequence[Sequence[tuple[str, Points]]], angle: float
) -> Words:
    """Return the words of a line: text, left and right edge; the line as one, where none are known."""
    if not words or len(words[line]) < 2:
        return [(texts[line], float(boxes[line, 0]), float(boxes[line, 2]))]
    edges = turned_back([quad for _, quad in words[line]], angle)[:, ::2].tolist()
    return [(text, left, right) for (text, _), (left, right) in zip(words[line], edges, strict=True)]


def _table(cells: Cells, parts: list[Part]) -> Block:
    """Return a table, the parts of lines that are cut for it put in their places among all."""

    def place(part: Part) -> int:
        if part.start == 0:
            parts[part.line] = part
            return part.line
        parts.append(part)
        return len(parts) - 1

    placed = tuple(tuple(tuple(map(place, cell)) for cell in row) for row in cells)
    return Block(kind="table", lines=tuple(i for row in placed for cell in row for i in cell), cells=placed)


def _listing(rows: Sequence[Row], code: tuple[str, ...]) -> Block:
    items = tuple(row.lines for row in rows)
    return Block(kind="code", lines=tuple(line for item in items for line in item), items=items, code=code)


def _is_list(cells: Cells, texts: Sequence[str]) -> bool:
    """Whether a table is a list whose marks stand in boxes of their own."""
    first = [row[0] for row in cells if row[0]]
    return len(cells[0]) == 2 and all(len(cell) == 1 and list_mark(texts[cell[0].line]) for cell in first)


def _blocks_of_text(flow: Flow, rows: Sequence[Row], texts: Sequence[str]) -> Iterator[Block]:
    """Give the headings, lists, paragraphs and kept lines of rows of text; items one after the other are a list."""
    for (kind, _), group in groupby(flow.paragraphs(rows), key=lambda found: _kind(found, texts)):
        found = list(group)
        if kind == ITEM:
            yield from _lists(found, texts)
        elif kind == KEPT and len(found) > 1:
            items = tuple(paragraph.lines for paragraph in found)
            yield Block(kind="lines", lines=tuple(line for item in items for line in item), items=items)
        else:
            for paragraph in found:
                level = _level(paragraph, texts)
                yield Block(kind="heading" if level else "paragraph", lines=paragraph.lines, level=level)


def _lists(found: Sequence[Paragraph], texts: Sequence[str]) -> Iterator[Block]:
    """Give the lists of items; one alone is no list but with a bullet."""
    marks = [list_mark(texts[item.lines[0]]) for item in found]
    for start, depths in nested([item.rows[0] for item in found], marks):
        items = tuple(item.lines for item in found[start : start + len(depths)])
        lines = tuple(line for item in items for line in item)
        if len(items) == 1 and marks[start] != "bullet":
            yield Block(kind="paragraph", lines=lines)
        else:
            yield Block(kind="list", lines=lines, items=items, depths=depths if any(depths) else ())


def _kind(paragraph: Paragraph, texts: Sequence[str]) -> tuple[str, int]:
    """Return `ITEM`, `KEPT` or ""; and of what is kept, which run it is of."""
    if _level(paragraph, texts):
        return "", 0
    if list_mark(texts[paragraph.lines[0]]):
        return ITEM, 0
    return (KEPT, paragraph.run) if paragraph.kept else ("", 0)


def _level(paragraph: Paragraph, texts: Sequence[str]) -> int:
    """Return the level of a heading; 0 for what is none.

    Its size tells it from text, or the number of a section where it is a little larger and stands apart. The title of a
    page has level 1, sections without a number by their size 2 or 3, those with one by its depth from 2. A number
    without a point is that of a section where its line stands apart and is large, else it may be a raised mark.
    """
    text = " ".join(texts[line] for line in paragraph.lines)
    letters = sum(c.isalpha() for c in text)
    if len(paragraph.rows) > HEADING_ROWS or letters < HEADING_LETTERS or text[-1] in ".,;":
        return 0
    if has_leader(text) or is_address(text):
        return 0
    depth = section_depth(text)
    if depth and (paragraph.apart or (paragraph.first and depth > 1)) and paragraph.size >= NUMBERED:
        return min(1 + depth, 6)
    further = any(has_raised_mark(texts[row.lines[0]]) for row in paragraph.rows[1:])
    if paragraph.apart and paragraph.size >= SIZES[-1] and has_bare_number(text) and not further:
        return 2
    if list_mark(text) or has_raised_mark(text):
        return 0
    if letters < WORDY * len(text) or letters_of_words(text) < WORDY * letters:
        return 0
    return next((level for level, size in enumerate(SIZES, start=1) if paragraph.size >= size), 0)
