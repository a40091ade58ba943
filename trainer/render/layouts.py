"""Where text stands on receipts, forms, tables, documents, slides, books, screens and boards.

Every layout takes a `Desk` and fills its sheet from top to bottom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.render import backgrounds
from trainer.render.backgrounds import Colour
from trainer.render.draws import Weighted, between, chance, pick, whole
from trainer.render.phrases import Phrases
from trainer.render.sheet import Sheet, Type

Rng = np.random.Generator

SIZES = (10, 12, 14, 16, 18, 21, 24, 28, 33, 40, 48)


def nearest_size(pixels: float) -> int:
    """The size kept that is nearest: glyphs of every size would fill the memory."""
    return min(SIZES, key=lambda size: abs(size - pixels))


@dataclass(frozen=True, slots=True)
class Desk:
    """What a layout needs: the sheet, generators, and the types of text, headings and small print."""

    rng: Rng
    sheet: Sheet
    phrases: Phrases
    body: Type
    head: Type
    small: Type

    def draw(self, **kinds: float) -> str:
        """Text of one of the weighted kinds."""
        return self.phrases.draw(self.rng, Weighted(kinds))

    @property
    def ink(self) -> Colour:
        """The text's colour, for rules and frames."""
        return self.body.colour

    def split(self, text: str, kind: Type, width: float) -> list[str]:
        """`text` broken into lines no wider than `width` pixels."""
        lines: list[str] = []
        line, used = "", 0.0
        space = self.sheet.measure(kind, " ")
        for word in self.sheet.drawable(kind, text).split():
            wide = self.sheet.measure(kind, word)
            if line and used + space + wide > width:
                lines.append(line)
                line, used = "", 0.0
            if wide <= width:
                line, used = (f"{line} {word}", used + space + wide) if line else (word, wide)
        return [*lines, line] if line else lines

    def paragraph(
        self, kind: Type, x: float, y: float, width: float, lines: int, leading: float, *, full: bool
    ) -> float:
        """Sets up to `lines` lines of running text, to both margins if `full`; returns where the next baseline is."""
        pitch = self.sheet.pitch(kind) * leading
        text = self.phrases.corpus.text(self.rng, int(lines * width / max(self.sheet.measure(kind, "e") * 1.05, 1)))
        broken = self.split(text, kind, width)[:lines]
        for at, line in enumerate(broken):
            spaces = line.count(" ")
            slack = width - self.sheet.measure(kind, line)
            stretch = 1.0
            if full and at < len(broken) - 1 and spaces and slack < 0.25 * width:
                stretch += slack / (spaces * self.sheet.measure(kind, " "))
            self.sheet.write(kind, line, x, y, word_space=stretch)
            y += pitch
        return y


def receipt(desk: Desk) -> None:
    """A till's receipt: centred head, items with prices at the right, totals, thanks, perhaps a barcode."""
    rng, sheet = desk.rng, desk.sheet
    pitch = sheet.pitch(desk.body) * between(rng, 1.0, 1.5)
    left, right = sheet.width * between(rng, 0.03, 0.1), sheet.width * between(rng, 0.9, 0.97)
    middle, y = (left + right) / 2, pitch * between(rng, 1.2, 3)
    if chance(rng, 0.3):
        y = _emblem(desk, middle, y)
    for row in range(whole(rng, 2, 6)):
        kind = desk.head if row == 0 and chance(rng, 0.6) else desk.body
        text = desk.draw(company=3, address=4, phone=2, code=1) if row else desk.draw(company=1)
        sheet.write(kind, _fit(desk, kind, text, right - left), middle, y, align=0.5)
        y += max(pitch, sheet.pitch(kind))
    y = _separator(desk, left, right, y, pitch)
    columns = _price_columns(rng, left, right)
    while y < sheet.height - pitch * 0.5:
        section = rng.random()
        for _ in range(whole(rng, 1, 7)):
            _till_row(desk, section, left, right, columns, y)
            y += pitch
            if y > sheet.height - pitch * 0.5:
                return
        y = _separator(desk, left, right, y, pitch) if chance(rng, 0.7) else y + pitch * between(rng, 0, 1)
        if chance(rng, 0.05):
            y = _barcode(desk, middle, y, (right - left) * between(rng, 0.4, 0.8), pitch * 2)


def form(desk: Desk) -> None:
    """A form: title, labels with lines or boxes to fill, values typed in, check boxes, small print."""
    rng, sheet = desk.rng, desk.sheet
    pitch = sheet.pitch(desk.body) * between(rng, 1.25, 2.0)
    left, right = sheet.width * between(rng, 0.04, 0.12), sheet.width * between(rng, 0.88, 0.96)
    y = pitch * between(rng, 1.2, 2.5)
    for _ in range(whole(rng, 1, 3)):
        text = _fit(desk, desk.head, desk.draw(heading=2, company=1), right - left)
        sheet.write(desk.head, text, (left + right) / 2, y, align=0.5)
        y += sheet.pitch(desk.head) * 1.3
    if chance(rng, 0.35):
        _margin_number(desk)
    boxed = chance(rng, 0.5)
    value = desk.small if chance(rng, 0.2) else desk.body
    while y < sheet.height - pitch:
        form_kind = rng.random()
        if form_kind < 0.7:
            _fields(desk, left, right, y, pitch, value, boxed=boxed)
            y += pitch
        elif form_kind < 0.8:
            x = left
            while x < right - 8 * desk.body.size:
                side = desk.body.size * 0.7
                _frame(sheet, (x, y - side, x + side, y), desk.ink)
                text = _fit(desk, desk.body, desk.draw(label=2, form_word=3), right - x - 2 * side)
                x += sheet.write(desk.body, text, x + 1.6 * side, y) + 3.5 * side
            y += pitch
        elif form_kind < 0.9:
            y = desk.paragraph(desk.small, left, y, right - left, whole(rng, 1, 4), 1.1, full=False) + pitch * 0.4
        elif form_kind < 0.95:
            dark = chance(rng, 0.6)
            band = backgrounds.tint(rng, between(rng, 0, 60) if dark else between(rng, 150, 225))
            sheet.fill((left, y - pitch * 0.75, right, y + pitch * 0.25), band)
            text = _fit(desk, desk.head, desk.draw(heading=1), right - left)
            colour = np.full(3, 250, np.float32) if dark else desk.ink
            sheet.write(Type(desk.head.face, desk.body.size, colour), text, left + 4, y)
            y += pitch
        else:
            y += pitch * between(rng, 0.3, 1.5)


def table(desk: Desk) -> None:
    """Rows and columns, with or without rules, between a caption and notes."""
    rng, sheet = desk.rng, desk.sheet
    left, right = sheet.width * between(rng, 0.03, 0.1), sheet.width * between(rng, 0.9, 0.97)
    pitch = sheet.pitch(desk.body) * between(rng, 1.15, 1.9)
    y = pitch * between(rng, 1, 2)
    while y < sheet.height - 3 * pitch:
        sheet.write(desk.head, _fit(desk, desk.head, desk.draw(heading=1), right - left), left, y)
        y += sheet.pitch(desk.head) * 1.4
        if chance(rng, 0.3):
            y = desk.paragraph(desk.body, left, y, right - left, whole(rng, 1, 4), 1.1, full=chance(rng, 0.5)) + pitch
        y = _grid(desk, left, right, y, pitch, rows=whole(rng, 3, 25)) + pitch * between(rng, 0.6, 2)


def document(desk: Desk) -> None:
    """Running text in one to three columns with headings, lists, figures, notes and page numbers."""
    rng, sheet = desk.rng, desk.sheet
    columns = pick(rng, (1, 1, 1, 2, 2, 3)) if sheet.width > 26 * desk.body.size else 1
    left, right = sheet.width * between(rng, 0.04, 0.13), sheet.width * between(rng, 0.87, 0.96)
    gutter = desk.body.size * between(rng, 1.5, 3)
    wide = (right - left - gutter * (columns - 1)) / columns
    y = top = sheet.pitch(desk.body) * between(rng, 1.0, 4)
    if chance(rng, 0.4):
        sheet.write(desk.small, _fit(desk, desk.small, desk.draw(short_text=1, company=1), right - left), left, top / 2)
        sheet.write(desk.small, str(whole(rng, 1, 999)), right, top / 2, align=1)
    if chance(rng, 0.4):
        for line in desk.split(desk.draw(heading=1), desk.head, right - left):
            sheet.write(desk.head, line, (left + right) / 2, y + sheet.pitch(desk.head), align=0.5)
            y += sheet.pitch(desk.head) * 1.2
        y += sheet.pitch(desk.head)
    full, leading = chance(rng, 0.6), between(rng, 0.95, 1.6)
    for column in range(columns):
        _column(desk, left + column * (wide + gutter), y, wide, leading, full=full)


def book(desk: Desk) -> None:
    """A page of a book: a running head, one justified column, a folio."""
    rng, sheet = desk.rng, desk.sheet
    left, right = sheet.width * between(rng, 0.05, 0.14), sheet.width * between(rng, 0.86, 0.95)
    pitch, y = sheet.pitch(desk.body), sheet.pitch(desk.body) * between(rng, 1.2, 2.5)
    if chance(rng, 0.7):
        text = _fit(desk, desk.small, desk.draw(heading=1).upper(), right - left - 6 * pitch)
        sheet.write(desk.small, text, (left + right) / 2, y, align=0.5)
        sheet.write(desk.small, str(whole(rng, 1, 600)), *((left, y) if chance(rng, 0.5) else (right - pitch * 2, y)))
        y += pitch * between(rng, 1.3, 2.5)
    leading = between(rng, 0.95, 1.35)
    while y < sheet.height - pitch:
        if chance(rng, 0.08):
            text = _fit(desk, desk.head, desk.draw(heading=1), right - left)
            sheet.write(desk.head, text, (left + right) / 2, y + pitch, align=0.5)
            y += sheet.pitch(desk.head) + 2 * pitch
        indent = pitch * between(rng, 0.8, 1.8)
        first = desk.split(desk.phrases.corpus.text(rng, 90), desk.body, right - left - indent)[:1]
        for line in first:
            sheet.write(desk.body, line, left + indent, y)
        rows = min(whole(rng, 2, 14), int((sheet.height - y) / pitch))
        y = desk.paragraph(desk.body, left, y + pitch * leading, right - left, rows, leading, full=True)


def slide(desk: Desk) -> None:
    """A title, bullets large and small, a picture or a chart's labels."""
    rng, sheet = desk.rng, desk.sheet
    left, right = sheet.width * between(rng, 0.05, 0.12), sheet.width * between(rng, 0.88, 0.95)
    y = sheet.pitch(desk.head) * between(rng, 1.2, 2)
    for line in desk.split(desk.draw(heading=1), desk.head, right - left)[:2]:
        sheet.write(desk.head, line, left, y)
        y += sheet.pitch(desk.head) * 1.1
    if chance(rng, 0.5):
        sheet.rule(left, y - desk.head.size * 0.5, right, y - desk.head.size * 0.5, desk.ink, whole(rng, 1, 4))
    y += sheet.pitch(desk.body)
    width = right - left
    if chance(rng, 0.4) and sheet.height - y > 80:
        width *= 0.55
        _picture(desk, (left + width * 1.1, y, right, y + between(rng, 0.3, 0.8) * (sheet.height - y)))
    while y < sheet.height - 2 * sheet.pitch(desk.body):
        kind, indent = (desk.small, 2.0) if chance(rng, 0.35) else (desk.body, 0.0)
        bullet = pick(rng, ("• ", "– ", "", "", "→ ", f"{whole(rng, 1, 9)}. "))
        text = bullet + desk.draw(short_text=4, sentence=3, words=1, number=1)
        for line in desk.split(text, kind, width - indent * kind.size)[:3]:
            sheet.write(kind, line, left + indent * kind.size, y)
            y += sheet.pitch(kind) * 1.15
        y += sheet.pitch(kind) * between(rng, 0.1, 0.9)


def screen(desk: Desk) -> None:
    """Windows, buttons, menus, lists and fields of a program or a web page."""
    rng, sheet = desk.rng, desk.sheet
    pitch = sheet.pitch(desk.body) * between(rng, 1.3, 2.2)
    bar = backgrounds.colour(rng, value=(0.2, 0.9), saturation=(0, 0.8))
    sheet.fill((0, 0, sheet.width, pitch * 1.3), bar)
    light = np.full(3, 255 if backgrounds.luminance(bar) < 140 else 20, np.float32)
    x, baseline = pitch * 0.5, pitch * 0.85
    while x < sheet.width - 6 * desk.body.size:
        text = desk.draw(words=1, single=4, label=1)
        x += sheet.write(Type(desk.body.face, desk.body.size, light), text, x, baseline) + pitch * between(rng, 0.8, 3)
    y = pitch * 2.4
    while y < sheet.height - pitch:
        x = pitch * between(rng, 0.3, 1)
        while x < sheet.width - 5 * desk.body.size:
            text = _fit(
                desk,
                desk.body,
                desk.draw(label=3, short_text=3, url=1, number=1, words=2, price=1, email=1),
                sheet.width - x,
            )
            wide = sheet.measure(desk.body, sheet.drawable(desk.body, text))
            form_kind = rng.random()
            kind = desk.body
            if form_kind < 0.2:
                button = backgrounds.colour(rng, value=(0.3, 0.95), saturation=(0, 0.8))
                sheet.fill((x - 6, y - pitch * 0.65, x + wide + 6, y + pitch * 0.25), button)
                shade = np.full(3, 255 if backgrounds.luminance(button) < 140 else 10, np.float32)
                kind = Type(kind.face, kind.size, shade)
            elif form_kind < 0.35:
                _frame(sheet, (x - 6, y - pitch * 0.65, x + wide + pitch, y + pitch * 0.25), desk.ink)
            sheet.write(kind, text, x, y)
            x += wide + pitch * between(rng, 1.2, 5)
            if chance(rng, 0.45):
                break
        y += pitch * (1.0 if chance(rng, 0.8) else between(rng, 1, 3))
        if chance(rng, 0.05):
            _picture(
                desk, (pitch, y - pitch * 0.5, sheet.width * between(rng, 0.3, 0.9), y + pitch * between(rng, 1, 4))
            )
            y += pitch * 5


LAYOUTS: dict[str, Callable[[Desk], None]] = {
    "receipt": receipt,
    "form": form,
    "table": table,
    "document": document,
    "book": book,
    "slide": slide,
    "screen": screen,
}


def _fit(desk: Desk, kind: Type, text: str, width: float) -> str:
    """The words of `text` that fit into `width` pixels."""
    lines = desk.split(text, kind, width)
    return lines[0] if lines else ""


def _price_columns(rng: Rng, left: float, right: float) -> Sequence[float]:
    """Where figures end: the price at the right, often a quantity or a unit price before it."""
    wide = right - left
    return (right, right - wide * between(rng, 0.2, 0.28), right - wide * between(rng, 0.4, 0.5))[: whole(rng, 1, 3)]


def _till_row(desk: Desk, section: float, left: float, right: float, columns: Sequence[float], y: float) -> None:
    """One row of a section: facts at the left, items, sums, or thanks in the middle."""
    rng, sheet, room = desk.rng, desk.sheet, right - left
    if section < 0.25:
        sheet.write(desk.body, _fit(desk, desk.body, desk.draw(receipt=4, moment=2, name=1, address=1), room), left, y)
    elif section < 0.65:
        _item_row(desk, columns, y)
    elif section < 0.85:
        kind = desk.head if chance(rng, 0.15) else desk.body
        text = _fit(desk, kind, desk.draw(till_word=3, receipt=1), room * 0.6)
        shift = room * between(rng, 0.0, 0.35) if chance(rng, 0.3) else 0
        wide = sheet.write(kind, text, left + shift, y)
        figure = desk.draw(amount=3, price=1)
        if shift + wide + sheet.measure(kind, figure) < room - kind.size:
            sheet.write(kind, figure, right, y, align=1)
    else:
        text = desk.draw(receipt=3, sentence=2, short_text=2, url=1, email=1)
        sheet.write(desk.body, _fit(desk, desk.body, text, room), (left + right) / 2, y, align=0.5)


def _item_row(desk: Desk, columns: Sequence[float], y: float) -> None:
    rng, sheet = desk.rng, desk.sheet
    figures = [desk.draw(amount=5, price=1)] + [desk.draw(amount=1, tiny=1) for _ in columns[1:]]
    room = columns[-1] - max(sheet.measure(desk.body, text) for text in figures) - 2 * desk.body.size
    left = sheet.width * 0.05
    sheet.write(desk.body, _fit(desk, desk.body, desk.draw(item=3, goods=3), room - left), left, y)
    taken = float(sheet.width)
    for x, text in zip(columns, figures, strict=True):
        if chance(rng, 0.85) and x + desk.body.size * 0.7 < taken + (sheet.width if x == columns[0] else 0):
            taken = x - sheet.write(desk.body, text, x, y, align=1)


def _separator(desk: Desk, left: float, right: float, y: float, pitch: float) -> float:
    """A ruled line, or a row of signs, which nobody labels."""
    sheet, form_kind = desk.sheet, desk.rng.random()
    if form_kind < 0.35:
        sheet.rule(left, y - pitch * 0.3, right, y - pitch * 0.3, desk.ink, whole(desk.rng, 1, 2))
    elif form_kind < 0.85:
        sign = pick(desk.rng, ("-", "-", "=", "*", "_", ".", "- "))
        count = int((right - left) / max(sheet.measure(desk.body, sign), 1))
        sheet.write(desk.body, sign * count, left, y, ignore=True)
    return y + pitch


def _emblem(desk: Desk, x: float, y: float) -> float:
    """A logo: a dark blob with holes, or a large word."""
    rng, sheet = desk.rng, desk.sheet
    wide, tall = sheet.width * between(rng, 0.1, 0.4), desk.head.size * between(rng, 1, 3)
    sheet.fill((x - wide / 2, y, x + wide / 2, y + tall), desk.ink, between(rng, 0.3, 1))
    for _ in range(whole(rng, 1, 6)):
        cx, cy = x + wide * between(rng, -0.5, 0.4), y + tall * between(rng, 0, 0.8)
        sheet.fill((cx, cy, cx + wide * between(rng, 0.05, 0.3), cy + tall * 0.3), np.full(3, 240, np.float32))
    return y + tall + desk.head.size * 1.5


def _barcode(desk: Desk, x: float, y: float, wide: float, tall: float) -> float:
    sheet, at = desk.sheet, x - wide / 2
    while at < x + wide / 2:
        bar = whole(desk.rng, 1, 4)
        sheet.fill((at, y, at + bar, y + tall), desk.ink)
        at += bar + whole(desk.rng, 1, 4)
    y += tall + sheet.pitch(desk.body)
    sheet.write(desk.body, desk.draw(code=1), x, y, align=0.5)
    return y + sheet.pitch(desk.body)


def _frame(sheet: Sheet, box: tuple[float, float, float, float], colour: Colour, thick: float = 1.0) -> None:
    x0, y0, x1, y1 = box
    for line in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
        sheet.rule(*line, colour, thick)


def _fields(desk: Desk, left: float, right: float, y: float, pitch: float, value: Type, *, boxed: bool) -> None:
    """One row of one to four fields, each a label and what was filled in."""
    rng, sheet = desk.rng, desk.sheet
    count = whole(rng, 1, 4) if sheet.width > 24 * desk.body.size else whole(rng, 1, 2)
    wide = (right - left) / count
    for at in range(count):
        x, end = left + at * wide, left + (at + 1) * wide
        if boxed:
            _frame(sheet, (x, y - pitch * 0.72, end, y + pitch * 0.28), desk.ink)
            x += desk.body.size * 0.4
        used = sheet.write(desk.body, _fit(desk, desk.body, desk.draw(label=1), wide - desk.body.size), x, y)
        start = x + used + desk.body.size * between(rng, 0.4, 2.2)
        if not boxed and chance(rng, 0.6):
            sheet.rule(start, y + 2, end - desk.body.size * 0.6, y + 2, desk.ink)
        if chance(rng, 0.7):
            text = desk.draw(name=3, date=2, number=2, single=3, words=2, address=2, phone=1, code=2, amount=1, tiny=1)
            sheet.write(value, _fit(desk, value, text, end - start - desk.body.size * 0.5), start, y)


def _margin_number(desk: Desk) -> None:
    """An archive's number along the right edge, read upwards or downwards."""
    rng, sheet, text = desk.rng, desk.sheet, desk.draw(code=1)
    long, tall = sheet.measure(desk.small, sheet.drawable(desk.small, text)), desk.small.size * 1.0
    x, y = sheet.width * between(rng, 0.965, 0.985) - tall / 2, between(rng, 0.05, 0.8) * sheet.height
    box = np.array([[x, y], [x + tall, y], [x + tall, y + long], [x, y + long]], np.float32)
    sheet.place(desk.small, text, np.roll(box, 1 if chance(rng, 0.5) else -1, axis=0))


def _grid(desk: Desk, left: float, right: float, y: float, pitch: float, rows: int) -> float:
    """A table of a text column and two to seven columns of figures; returns the row below it."""
    rng, sheet = desk.rng, desk.sheet
    count = max(2, min(whole(rng, 2, 8), int((right - left) / (desk.body.size * 5))))
    first = between(rng, 1.0, 2.5)
    share = (right - left) / (count - 1 + first)
    edges = [left, *(left + share * (first + at) for at in range(count))]
    across, down = chance(rng, 0.5), chance(rng, 0.35)
    rows = min(rows, int((sheet.height - y) / pitch))
    figures = Weighted(
        {pick(rng, ("amount", "number", "date", "code")): 3.0, "amount": 1.0, "single": 0.4, "tiny": 0.4}
    )
    for row in range(rows):
        baseline = y + row * pitch
        for at in range(count):
            room = edges[at + 1] - edges[at] - desk.body.size * 0.8
            words = row == 0 or at == 0
            text = desk.draw(single=2, words=1, short_text=1, form_word=2) if words else desk.phrases.draw(rng, figures)
            text = _fit(desk, desk.body, text, room)
            if at == 0:
                sheet.write(desk.body, text, edges[0] + desk.body.size * 0.4, baseline)
            elif chance(rng, 0.93):
                sheet.write(desk.body, text, edges[at + 1] - desk.body.size * 0.4, baseline, align=1)
        if across or row == 0:
            sheet.rule(left, baseline + pitch * 0.28, right, baseline + pitch * 0.28, desk.ink)
    if down:
        for edge in edges:
            sheet.rule(edge, y - pitch * 0.72, edge, y + (rows - 1) * pitch + pitch * 0.28, desk.ink)
    return y + rows * pitch


def _column(desk: Desk, x: float, y: float, wide: float, leading: float, *, full: bool) -> None:
    rng, sheet = desk.rng, desk.sheet
    pitch = sheet.pitch(desk.body) * leading
    while y < sheet.height - pitch:
        form_kind = rng.random()
        if form_kind < 0.14:
            for line in desk.split(desk.draw(heading=1), desk.head, wide)[:2]:
                sheet.write(desk.head, line, x, y + pitch * 0.5)
                y += sheet.pitch(desk.head) * 1.1
            y += pitch * 0.5
        elif form_kind < 0.22 and sheet.height - y > 6 * pitch:
            tall = between(rng, 3, 8) * pitch
            _picture(desk, (x, y, x + wide, y + tall))
            y += tall + pitch * 1.2
        elif form_kind < 0.32:
            for _ in range(whole(rng, 2, 5)):
                mark = pick(rng, ("• ", "– ", f"{whole(rng, 1, 9)}. ", f"({pick(rng, 'abcde')}) "))
                indent = desk.body.size * 1.2
                for line in desk.split(mark + desk.draw(sentence=1), desk.body, wide - indent)[:2]:
                    sheet.write(desk.body, line, x + indent, y)
                    y += pitch
        else:
            rows = min(whole(rng, 2, 12), int((sheet.height - y) / pitch))
            y = desk.paragraph(desk.body, x, y, wide, rows, leading, full=full)
            y += pitch * between(rng, 0, 1)


def _picture(desk: Desk, box: tuple[float, float, float, float]) -> None:
    """A photograph-like patch without text."""
    x0, y0 = max(0, round(box[0])), max(0, round(box[1]))
    x1, y1 = min(desk.sheet.width, round(box[2])), min(desk.sheet.height, round(box[3]))
    if x1 - x0 > 8 and y1 - y0 > 8:
        patch: NDArray[np.float32] = backgrounds.photo_like(desk.rng, y1 - y0, x1 - x0)
        desk.sheet.ground[y0:y1, x0:x1] = patch
