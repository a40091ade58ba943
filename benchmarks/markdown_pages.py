"""Documents whose structure is known: headings, paragraphs, lists and listings, set as PDFs in several styles.

Words are those of this repository's documentation, and listings pieces of its own source.
"""

from __future__ import annotations

import ctypes
import io
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pypdfium2
from pypdfium2 import raw

from benchmarks.common import ROOT

WIDTH, HEIGHT, MARGIN, GUTTER = 595.0, 842.0, 72.0, 20.0
HYPHENATED = 0.3
"""Share of lines that end within a word, of those where one is long enough."""


@dataclass(frozen=True, slots=True)
class Element:
    """What a document consists of: `heading`, `item` (level from 0), `paragraph` or a row of `code`."""

    kind: str
    text: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is set."""

    body: str
    bold: str
    columns: int
    numbers: str
    """Of sections: "1 ", "1. " or none."""
    indent: float
    """Of the first line of a paragraph, in points; without one there is a space above it."""
    justified: bool
    heads: bool
    """Whether a title runs along and pages have numbers."""


def drawn_style(draw: random.Random) -> Style:
    family, bold = draw.choice((("Times-Roman", "Times-Bold"), ("Helvetica", "Helvetica-Bold")))
    return Style(
        body=family,
        bold=bold,
        columns=draw.choice((1, 1, 2)),
        numbers=draw.choice(("", "{} ", "{}. ")),
        indent=draw.choice((0.0, 15.0)),
        justified=draw.random() < 0.6,
        heads=draw.random() < 0.6,
    )


def drawn_elements(draw: random.Random, style: Style) -> list[Element]:
    """Return the title, and a few sections of paragraphs, lists and listings."""
    elements = [Element("heading", _phrase(draw, 4, 7), 1)]
    for section in range(1, 5):
        elements.append(Element("heading", style.numbers.format(section) + _phrase(draw, 2, 5), 2))
        for part in range(1, draw.randint(1, 3)):
            number = style.numbers and f"{section}.{part} "
            elements.append(Element("heading", number + _phrase(draw, 2, 5), 3))
            elements += _paragraphs(draw, 1)
        for _ in range(draw.randint(1, 3)):
            elements += _paragraphs(draw, draw.randint(1, 2))
            elements += draw.choice((_items, _items, _listing))(draw)
        elements += _paragraphs(draw, 1)
    return elements


def _paragraphs(draw: random.Random, count: int) -> list[Element]:
    return [Element("paragraph", " ".join(_sentence(draw) for _ in range(draw.randint(2, 5)))) for _ in range(count)]


def _items(draw: random.Random) -> list[Element]:
    numbered, items = draw.random() < 0.5, []
    for number in range(1, draw.randint(3, 5)):
        text = _sentence(draw) if draw.random() < 0.4 else _phrase(draw, 2, 6)
        items.append(Element("item", f"{number}. {text}" if numbered else f"\u2022 {text}"))
        if draw.random() < 0.25:
            items += [Element("item", f"\u2013 {_phrase(draw, 2, 5)}", 1) for _ in range(2)]
    return items


def _listing(draw: random.Random) -> list[Element]:
    rows = draw.choice(_sources())
    start = draw.randrange(max(1, len(rows) - 8))
    piece = rows[start : start + draw.randint(3, 8)]
    edge = min((len(row) - len(row.lstrip()) for row in piece if row.strip()), default=0)
    return [Element("code", row[edge:]) for row in piece if row.strip()]


@cache
def _sources() -> list[list[str]]:
    files = sorted((ROOT / "ocr_core").rglob("*.py"))
    texts = [[row for row in file.read_text().splitlines() if len(row) < 52 and row.isascii()] for file in files]
    return [rows for rows in texts if len(rows) > 20]


@cache
def _words() -> list[str]:
    texts = " ".join(file.read_text() for file in sorted((ROOT / "docs").glob("*.md")))
    return re.findall(r"(?<![\w`./-])[a-z]{2,}(?![\w`./(-])", texts)


def _phrase(draw: random.Random, least: int, most: int) -> str:
    return " ".join(draw.choices(_words(), k=draw.randint(least, most))).capitalize()


def _sentence(draw: random.Random) -> str:
    return f"{_phrase(draw, 6, 18)}."


class Setter:
    """Sets elements on the pages of a PDF."""

    def __init__(self, draw: random.Random, style: Style) -> None:
        self._draw = draw
        self._style = style
        self._pdf = pypdfium2.PdfDocument.new()
        self._fonts: dict[str, Any] = {}
        self._width = (WIDTH - 2 * MARGIN - GUTTER * (style.columns - 1)) / style.columns
        self._head = _phrase(draw, 3, 5)
        self._page: Any = None
        self._column, self._y = style.columns, 0.0

    def set(self, elements: Sequence[Element]) -> bytes:
        """Return the file."""
        last = ""
        for element in elements:
            if element.kind != last and "code" in (element.kind, last):
                self._y -= 6
            getattr(self, f"_{element.kind}")(element, last)
            last = element.kind
        if self._page is not None:
            self._page.gen_content()
        buffer = io.BytesIO()
        self._pdf.save(buffer)
        return buffer.getvalue()

    def _heading(self, element: Element, _: str) -> None:
        size = {1: 20.0, 2: 14.4, 3: 12.0}[element.level]
        self._room(4 * size)
        self._y -= 0.7 * size
        self._lines(element.text, self._style.bold, size, 0, 0, ragged=True)
        self._y -= 0.3 * size

    def _paragraph(self, element: Element, last: str) -> None:
        self._y -= 0 if self._style.indent and last == "paragraph" else 6
        indent = self._style.indent if last == "paragraph" else 0
        self._lines(element.text, self._style.body, 10, indent, 0)

    def _item(self, element: Element, last: str) -> None:
        self._y -= 0 if last == "item" else 4
        mark, text = element.text.split(" ", 1)
        left = 10 + 18.0 * element.level
        self._room(12)
        self._lines(text, self._style.body, 10, left + 14, left + 14, mark=(mark, left))

    def _code(self, element: Element, _: str) -> None:
        self._room(10)
        self._y -= 10
        text = element.text.lstrip()
        self._write(text, "Courier", 8, self._left + 8 + 4.8 * (len(element.text) - len(text)))

    @property
    def _left(self) -> float:
        return MARGIN + self._column * (self._width + GUTTER)

    def _room(self, height: float) -> None:
        """Go to the next column, or page, where there is not so much room left."""
        if self._y - height >= MARGIN and self._page is not None:
            return
        self._y = HEIGHT - MARGIN
        self._column += 1
        if self._column < self._style.columns and self._page is not None:
            return
        if self._page is not None:
            self._page.gen_content()
        self._column = 0
        self._page = self._pdf.new_page(WIDTH, HEIGHT)
        if self._style.heads:
            y, self._y = self._y, HEIGHT - 40
            self._write(self._head, self._style.body, 8, MARGIN)
            self._y = 40
            self._write(str(len(self._pdf)), self._style.body, 9, WIDTH / 2)
            self._y = y

    def _lines(
        self,
        text: str,
        font: str,
        size: float,
        first: float,
        left: float,
        *,
        ragged: bool = False,
        mark: tuple[str, float] | None = None,
    ) -> None:
        words, indent = text.split(), first
        while words:
            room = self._width - indent
            row, words = self._row(words, font, size, room, hyphens=not ragged)
            self._room(1.2 * size)
            self._y -= 1.2 * size
            if mark:
                self._write(mark[0], font, size, self._left + mark[1])
                mark = None
            widths = [self._measure(word, font, size) for word in row]
            space = self._measure(" ", font, size)
            if words and self._style.justified and not ragged and len(row) > 1:
                space = (room - sum(widths)) / (len(row) - 1)
            x = self._left + indent
            for word, width in zip(row, widths, strict=True):
                self._write(word, font, size, x)
                x += width + space
            indent = left

    def _row(
        self, words: list[str], font: str, size: float, room: float, *, hyphens: bool
    ) -> tuple[list[str], list[str]]:
        """Return the words of the next line, the last of them cut sometimes, and the others."""
        count, width = 0, -self._measure(" ", font, size)
        for word in words:
            width += self._measure(" ", font, size) + self._measure(word, font, size)
            if width > room and count:
                break
            count += 1
        row, rest = words[:count], words[count:]
        if hyphens and rest and len(rest[0]) > 7 and rest[0].isalpha() and self._draw.random() < HYPHENATED:
            head = f"{rest[0][:3]}-"
            if sum(self._measure(f"{word} ", font, size) for word in [*row, head]) <= room:
                row, rest = [*row, head], [rest[0][3:], *rest[1:]]
        return row, rest

    def _measure(self, text: str, font: str, size: float) -> float:
        width, total = ctypes.c_float(), 0.0
        for character in text:
            code = {"\u2022": 149, "\u2013": 150}.get(character, ord(character))
            raw.FPDFFont_GetGlyphWidth(self._font(font), code, size, width)
            total += width.value
        return total

    def _font(self, name: str) -> Any:
        if name not in self._fonts:
            self._fonts[name] = raw.FPDFText_LoadStandardFont(self._pdf.raw, name.encode())
        return self._fonts[name]

    def _write(self, text: str, font: str, size: float, x: float) -> None:
        item = raw.FPDFPageObj_CreateTextObj(self._pdf.raw, self._font(font), size)
        encoded = (text + "\0").encode("utf-16-le")
        raw.FPDFText_SetText(item, ctypes.cast(encoded, ctypes.POINTER(ctypes.c_ushort)))
        raw.FPDFPageObj_Transform(item, 1, 0, 0, 1, x, self._y)
        raw.FPDFPage_InsertObject(self._page.raw, item)
