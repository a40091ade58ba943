"""Drawn pages whose structure is known: tables of many kinds, and prose in columns that is none."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from benchmarks.drawn import TEXT

WIDTH = 1240
"""Pixels of a sheet of A4 at 150 dots an inch."""
FONTS = ("DejaVuSans", "DejaVuSerif", "LiberationSans-Regular", "LiberationSerif-Regular", "Carlito-Regular")
MONO = ("DejaVuSansMono", "LiberationMono-Regular")
"""Names of files; Pillow's own font where none is installed."""
PLACES = ("Berlin", "Oslo", "Madrid", "Lisbon", "Vienna", "Dublin", "Prague", "Athens", "Warsaw", "Riga")
NAMES = ("Anna Berg", "Karl Holm", "Lena Fischer", "Omar Haddad", "Julia Stone", "Peter Novak", "Maria Costa")
GOODS = ("Coffee beans", "Paper A4", "Hand soap", "Steel bolts", "Rice 5kg", "Green tea", "Desk lamp", "Milk", "Cable")
HEADS = ("Name", "City", "Item", "Units", "Price", "Total", "Rate", "Share", "Weight", "Length", "Score", "Amount")
LABELS = ("Name", "Born", "Street", "Town", "Phone", "Order no.", "Customer", "Date", "Contact", "Tax number")


class Cell(NamedTuple):
    """What stands in a row and, from `column` on, in `span` columns of a table."""

    text: str
    row: int
    column: int
    span: int = 1


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page and the cells of its table; of prose there are none."""

    image: PIL.Image.Image
    cells: tuple[Cell, ...]


class _Sheet:
    """A page as it is filled from above to below."""

    def __init__(self, rng: random.Random, *, width: int = WIDTH, mono: bool = False) -> None:
        self.rng, self.width, self.top = rng, width, 60.0
        self.cells: list[Cell] = []
        self.image = PIL.Image.new("L", (self.width, 1600), self.rng.randint(235, 255))
        self.draw = PIL.ImageDraw.Draw(self.image)
        self.size = self.rng.choice((20, 24, 28))
        self.ink = self.rng.randint(0, 60)
        self.font = _font(self.rng.choice(MONO if mono else FONTS), self.size)

    def measure(self, text: str) -> float:
        return self.font.getlength(text)

    def write(self, text: str, x: float, y: float, room: float = 0, align: float = 0) -> None:
        self.draw.text((x + align * (room - self.measure(text)), y), text, self.ink, self.font)

    def wrap(self, words: Sequence[str], room: float) -> list[str]:
        lines = [words[0]]
        for word in words[1:]:
            if self.measure(f"{lines[-1]} {word}") <= room:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return lines

    def prose(self, x: float, room: float, count: int) -> None:
        """Write so many lines of running text and move on below them."""
        for line in self.wrap(_words(self.rng, 25 * count), room)[:count]:
            self.write(line, x, self.top)
            self.top += 1.3 * self.size

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self.draw.line((x0, y0, x1, y1), self.ink, 2)

    def grid(
        self,
        rows: Sequence[Sequence[str]],
        aligns: Sequence[float],
        *,
        gap: float,
        pitch: float = 1.5,
        heads: Sequence[tuple[str, int]] = (),
        room: float = 1e9,
        middle: bool = False,
        ruled: bool = False,
    ) -> None:
        """Draw a table: columns as wide as their cells, cells wider than `room` wrapped, `heads` over several columns.

        Args:
            rows: texts of cells, "" for an empty one.
            aligns: 0 left, 0.5 centre, 1 right of each column.
            gap: between columns, in sizes of the font.
            pitch: of rows, in sizes.
            heads: a row above, text and columns of each; "" leaves them free.
            room: pixels.
            middle: cells of fewer lines than others stand at the middle of their row.
            ruled: lines around all cells.
        """
        size, base = self.size, 1 + max((cell.row for cell in self.cells), default=-1)
        wrapped = [[self.wrap(text.split(), room) if text else [] for text in row] for row in rows]
        widths = [max(self.measure(line) for row in wrapped for line in row[i] or [""]) for i in range(len(aligns))]
        for i, (text, span) in _placed(heads):
            inner = sum(widths[i : i + span]) + gap * size * (span - 1)
            widths[i + span - 1] += max(0, self.measure(text) - inner)
        lefts = [70 + sum(widths[:i]) + gap * size * i for i in range(len(widths) + 1)]
        edge, right = gap * size / 2, lefts[-1] - gap * size / 2
        for i, (text, span) in _placed(heads):
            end = lefts[i + span] - gap * size
            self.write(text, lefts[i], self.top, end - lefts[i], 0.5)
            self.cells += [Cell(text, base, i, span)] if text else []
            if text:
                self.rule(lefts[i], self.top + 1.25 * size, end, self.top + 1.25 * size)
        self.top += pitch * size if heads else 0
        base += bool(heads)
        start = self.top
        for r, row in enumerate(wrapped):
            lines = max(map(len, row))
            if ruled:
                self.rule(70 - edge, self.top - 0.25 * size, right, self.top - 0.25 * size)
            for i, cell in enumerate(row):
                down = (lines - len(cell)) * 0.6 * size if middle else 0
                for n, line in enumerate(cell):
                    self.write(line, lefts[i], self.top + down + 1.2 * n * size, widths[i], aligns[i])
                self.cells += [Cell(" ".join(cell), base + r, i)] if cell else []
            self.top += (pitch + 1.2 * (lines - 1)) * size
        if ruled:
            self.rule(70 - edge, self.top - 0.25 * size, right, self.top - 0.25 * size)
            for x in (*(left - edge for left in lefts[:-1]), right):
                self.rule(x, start - 0.25 * size, x, self.top - 0.25 * size)

    def done(self) -> DrawnPage:
        self.image = self.image.crop((0, 0, self.width, min(1600, int(self.top) + 60)))
        degrees = self.rng.choice((0, self.rng.uniform(-1, 1)))
        turned = self.image.rotate(degrees, PIL.Image.Resampling.BICUBIC, expand=True, fillcolor=240)
        return DrawnPage(turned.convert("RGB"), tuple(self.cells))


def draw(kind: str, seed: int) -> DrawnPage:
    """Draw a page of one of `KINDS`."""
    rng = random.Random(f"{kind} {seed}")
    sheet = _Sheet(rng, width=640 if kind == "receipt" else WIDTH, mono=kind == "receipt")
    KINDS[kind](sheet)
    return sheet.done()


def _table(sheet: _Sheet, rows: Sequence[Sequence[str]], aligns: Sequence[float], **how: object) -> None:
    """Draw a table, in half of the cases between lines of text."""
    around = sheet.rng.random() < 0.5
    if around:
        sheet.prose(70, WIDTH - 140, 2)
        sheet.top += sheet.rng.uniform(0.6, 2) * sheet.size
    sheet.grid(rows, aligns, **how)  # type: ignore[arg-type]
    if around:
        sheet.top += sheet.rng.uniform(0.6, 2) * sheet.size
        sheet.prose(70, WIDTH - 140, 2)


def _body(rng: random.Random, texts: int, figures: int, *, rows: int | None = None) -> list[list[str]]:
    """Return a head and rows of cells of text, then of figures."""
    makers: list[Callable[[], str]] = [
        (lambda column=column: rng.choice(column))  # type: ignore[misc]
        for column in rng.sample((NAMES, PLACES, GOODS), texts)
    ]
    for _ in range(figures):
        high, places = rng.choice(((9, 2), (99, 1), (999, 2), (9999, 0), (99, 0)))
        makers.append(lambda high=high, places=places: f"{rng.uniform(high / 20, high):,.{places}f}")  # type: ignore[misc]
    head = rng.sample(HEADS, len(makers))
    return [head, *([make() for make in makers] for _ in range(rows or rng.randint(4, 12)))]


def _ruled(sheet: _Sheet) -> None:
    texts, figures = sheet.rng.randint(1, 2), sheet.rng.randint(1, 4)
    gap, pitch = sheet.rng.uniform(0.8, 2.5), sheet.rng.uniform(1.5, 2)
    rows = _body(sheet.rng, texts, figures)
    _table(sheet, rows, [0] * texts + [sheet.rng.choice((0, 0.5, 1))] * figures, gap=gap, pitch=pitch, ruled=True)


def _unruled(sheet: _Sheet) -> None:
    texts, figures = sheet.rng.randint(1, 2), sheet.rng.randint(1, 4)
    gap, pitch = sheet.rng.uniform(1.2, 4), sheet.rng.uniform(1.2, 1.7)
    _table(sheet, _body(sheet.rng, texts, figures), [0] * texts + [1] * figures, gap=gap, pitch=pitch)


def _tight(sheet: _Sheet) -> None:
    figures, gap, pitch = sheet.rng.randint(3, 6), sheet.rng.uniform(0.4, 1.1), sheet.rng.uniform(1.2, 1.6)
    _table(sheet, _body(sheet.rng, 1, figures), [0] + [1] * figures, gap=gap, pitch=pitch)


def _spanning(sheet: _Sheet) -> None:
    each, groups = sheet.rng.randint(2, 3), sheet.rng.randint(1, 2)
    rows = _body(sheet.rng, 1, each * groups)
    heads = [
        ("", 1),
        *((text, each) for text in sheet.rng.sample(("2024", "First half", "Europe", "Test set"), groups)),
    ]
    gap, pitch = sheet.rng.uniform(0.8, 2.5), sheet.rng.uniform(1.3, 1.7)
    _table(sheet, rows, [0] + [1] * each * groups, gap=gap, pitch=pitch, heads=heads, ruled=sheet.rng.random() < 0.3)


def _wrapped(sheet: _Sheet) -> None:
    rows = _body(sheet.rng, 1, 2, rows=sheet.rng.randint(3, 6))
    long = ["Description", *(" ".join(_words(sheet.rng, sheet.rng.randint(2, 14))) for _ in rows[1:])]
    rows = [[row[0], text, *row[1:]] for row, text in zip(rows, long, strict=True)]
    _table(
        sheet,
        rows,
        (0, 0, 1, 1),
        gap=sheet.rng.uniform(1, 2.5),
        pitch=sheet.rng.uniform(1.3, 2),
        room=sheet.rng.uniform(11, 18) * sheet.size,
        middle=sheet.rng.random() < 0.4,
        ruled=sheet.rng.random() < 0.5,
    )


def _empty(sheet: _Sheet) -> None:
    figures = sheet.rng.randint(2, 4)
    rows = _body(sheet.rng, 1, figures)
    rows[1:] = [[row[0], *(text if sheet.rng.random() < 0.65 else "" for text in row[1:])] for row in rows[1:]]
    _table(sheet, rows, [0] + [1] * figures, gap=sheet.rng.uniform(1.2, 3), ruled=sheet.rng.random() < 0.4)


def _digits(sheet: _Sheet) -> None:
    figures = sheet.rng.randint(2, 4)
    rows = [[row[0], *(str(sheet.rng.randint(0, 9)) for _ in row[1:])] for row in _body(sheet.rng, 1, figures)]
    rows[0] = sheet.rng.sample(HEADS, figures + 1)
    _table(sheet, rows, [0] + [sheet.rng.choice((0.5, 1))] * figures, gap=sheet.rng.uniform(1, 3))


def _receipt(sheet: _Sheet) -> None:
    rng = sheet.rng
    for text in ("CORNER STORE", "12 HIGH STREET", f"NO. {rng.randint(1000, 9999)}"):
        sheet.write(text, 0, sheet.top, sheet.width, 0.5)
        sheet.top += 1.4 * sheet.size
    sheet.top += sheet.size
    items = [(rng.choice(GOODS).upper(), rng.randint(1, 9), rng.uniform(0.5, 40)) for _ in range(rng.randint(3, 9))]
    total = sum(count * price for _, count, price in items)
    if rng.random() < 0.5:
        rows = [[str(count), text, f"{count * price:.2f}"] for text, count, price in items]
        rows += [["", "TOTAL", f"{total:.2f}"], ["", "CASH", f"{total + 5:.2f}"]]
        sheet.grid(rows, (0, 0, 1), gap=rng.uniform(1, 2), pitch=1.35)
    else:
        rows = [[text, str(count), f"{price:.2f}", f"{count * price:.2f}"] for text, count, price in items]
        rows = [["ITEM", "QTY", "PRICE", "AMOUNT"], *rows, ["TOTAL", "", "", f"{total:.2f}"]]
        sheet.grid(rows, (0, 1, 1, 1), gap=rng.uniform(0.6, 1.2), pitch=1.35)
    sheet.top += sheet.size
    sheet.write("THANK YOU", 0, sheet.top, sheet.width, 0.5)
    sheet.top += sheet.size


def _invoice(sheet: _Sheet) -> None:
    rng = sheet.rng
    for text in ("Northwind Trading Ltd", f"{rng.randint(2, 90)} Market Street", rng.choice(PLACES)):
        sheet.write(text, 70, sheet.top)
        sheet.top += 1.4 * sheet.size
    sheet.top += 1.5 * sheet.size
    sheet.write(f"Invoice {rng.randint(1000, 9999)}", 70, sheet.top)
    sheet.write(f"Date: 12 May {rng.randint(2015, 2026)}", 70, sheet.top, WIDTH - 140, 1)
    sheet.top += rng.uniform(2.5, 4) * sheet.size
    rows, total = [], 0.0
    for _ in range(rng.randint(3, 8)):
        count, price = rng.randint(1, 40), rng.uniform(1, 300)
        total += count * price
        text = rng.choice((rng.choice(GOODS), " ".join(_words(rng, rng.randint(3, 9)))))
        rows.append([text, str(count), f"{price:,.2f}", f"{count * price:,.2f}"])
    sums = [["", "", name, f"{total * part:,.2f}"] for name, part in (("Net", 1), ("VAT 20%", 0.2), ("Total", 1.2))]
    head = ["Description", "Quantity", "Unit price", "Amount"]
    how = {"gap": rng.uniform(1.5, 3), "pitch": rng.uniform(1.5, 1.9), "room": 18 * sheet.size}
    sheet.grid([head, *rows, *sums], (0, 1, 1, 1), **how, ruled=rng.random() < 0.3)  # type: ignore[arg-type]


def _form(sheet: _Sheet) -> None:
    rng = sheet.rng
    labels = rng.sample(LABELS, len(LABELS))
    values = (*NAMES, *PLACES, "12 May 1980", "020 7946 0958", "DE 448 201", "7 High Street")
    pairs = zip(labels[::2], labels[1::2], strict=True)
    rows = [[f"{a}:", rng.choice(values), f"{b}:", rng.choice(values)] for a, b in pairs]
    sheet.grid(rows, (0,) * 4, gap=rng.uniform(1, 3), pitch=rng.uniform(1.4, 2))


def _columns(sheet: _Sheet, wide: float, gutter: float, lines: int) -> None:
    """Draw two columns of running text, `wide` and `gutter` in sizes, the second perhaps shorter, or a line lower."""
    top = sheet.top
    if sheet.rng.random() < 0.5:
        sheet.write("About this notice", 70, top)
        top += 2.2 * sheet.size
    for x in (70, 70 + (wide + gutter) * sheet.size):
        sheet.top = top + (sheet.rng.choice((0, 0, 0.4)) * sheet.size if x > 70 else 0)
        sheet.prose(x, wide * sheet.size, lines - (sheet.rng.randint(0, 2) if x > 70 else 0))
    sheet.top = top + 1.3 * sheet.size * lines


def _wide(sheet: _Sheet) -> None:
    wide = sheet.rng.uniform(14, 18)
    _columns(sheet, wide, sheet.rng.uniform(1.5, 4), sheet.rng.randint(4, 18))


def _narrow(sheet: _Sheet) -> None:
    wide = sheet.rng.uniform(7, 10)
    _columns(sheet, wide, sheet.rng.uniform(1, 2), sheet.rng.randint(3, 9))


def _short(sheet: _Sheet) -> None:
    """Two paragraphs of two or three lines side by side."""
    _columns(sheet, sheet.rng.uniform(10, 18), sheet.rng.uniform(1.5, 4), 4)


def _words(rng: random.Random, count: int) -> list[str]:
    words = TEXT.read_text(encoding="utf-8").split()
    start = rng.randrange(200, len(words) - count - 200)
    return [word for word in words[start : start + count] if word.isascii()]


def _placed(heads: Sequence[tuple[str, int]]) -> list[tuple[int, tuple[str, int]]]:
    return [(sum(span for _, span in heads[:n]), head) for n, head in enumerate(heads)]


def _font(name: str, size: int) -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    found = next(Path("/usr/share/fonts").rglob(f"{name}.ttf"), None)
    return PIL.ImageFont.truetype(found, size) if found else PIL.ImageFont.load_default(size)


KINDS: dict[str, Callable[[_Sheet], None]] = {
    "ruled": _ruled,
    "unruled": _unruled,
    "tight": _tight,
    "spanning": _spanning,
    "wrapped": _wrapped,
    "empty": _empty,
    "digits": _digits,
    "receipt": _receipt,
    "invoice": _invoice,
    "form": _form,
    "prose-wide": _wide,
    "prose-narrow": _narrow,
    "prose-short": _short,
}
