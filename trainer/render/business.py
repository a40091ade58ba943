"""Layouts of receipts, forms and tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.render import backgrounds
from trainer.render.desk import Desk
from trainer.render.draws import Weighted, between, chance, pick, whole
from trainer.render.sheet import Type

Rng = np.random.Generator


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
        sheet.write(kind, desk.fit(kind, text, right - left), middle, y, align=0.5)
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
        text = desk.fit(desk.head, desk.draw(heading=2, company=1), right - left)
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
                sheet.frame((x, y - side, x + side, y), desk.ink)
                text = desk.fit(desk.body, desk.draw(label=2, form_word=3), right - x - 2 * side)
                x += sheet.write(desk.body, text, x + 1.6 * side, y) + 3.5 * side
            y += pitch
        elif form_kind < 0.9:
            y = desk.paragraph(desk.small, left, y, right - left, whole(rng, 1, 4), 1.1, full=False) + pitch * 0.4
        elif form_kind < 0.95:
            dark = chance(rng, 0.6)
            band = backgrounds.tint(rng, between(rng, 0, 60) if dark else between(rng, 150, 225))
            sheet.fill((left, y - pitch * 0.75, right, y + pitch * 0.25), band)
            text = desk.fit(desk.head, desk.draw(heading=1), right - left)
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
        sheet.write(desk.head, desk.fit(desk.head, desk.draw(heading=1), right - left), left, y)
        y += sheet.pitch(desk.head) * 1.4
        if chance(rng, 0.3):
            y = desk.paragraph(desk.body, left, y, right - left, whole(rng, 1, 4), 1.1, full=chance(rng, 0.5)) + pitch
        y = _grid(desk, left, right, y, pitch, rows=whole(rng, 3, 25)) + pitch * between(rng, 0.6, 2)


def _price_columns(rng: Rng, left: float, right: float) -> Sequence[float]:
    """Where figures end: the price at the right, often a quantity or a unit price before it."""
    wide = right - left
    return (right, right - wide * between(rng, 0.2, 0.28), right - wide * between(rng, 0.4, 0.5))[: whole(rng, 1, 3)]


def _till_row(desk: Desk, section: float, left: float, right: float, columns: Sequence[float], y: float) -> None:
    """One row of a section: facts at the left, items, sums, or thanks in the middle."""
    rng, sheet, room = desk.rng, desk.sheet, right - left
    if section < 0.1:
        _colon_row(desk, left, right, y)
    elif section < 0.25:
        sheet.write(desk.body, desk.fit(desk.body, desk.draw(receipt=4, moment=2, name=1, address=1), room), left, y)
    elif section < 0.65:
        _item_row(desk, columns, y)
    elif section < 0.85:
        kind = desk.head if chance(rng, 0.15) else desk.body
        text = desk.fit(kind, desk.draw(till_word=3, receipt=1), room * 0.6)
        shift = room * between(rng, 0.0, 0.35) if chance(rng, 0.3) else 0
        wide = sheet.write(kind, text, left + shift, y)
        figure = desk.draw(amount=3, price=1)
        if shift + wide + sheet.measure(kind, figure) < room - kind.size:
            sheet.write(kind, figure, right, y, align=1)
    else:
        text = desk.draw(receipt=3, sentence=2, short_text=2, url=1, email=1)
        sheet.write(desk.body, desk.fit(desk.body, text, room), (left + right) / 2, y, align=0.5)


def _colon_row(desk: Desk, left: float, right: float, y: float) -> None:
    """A label, a colon in a column of its own, and a value."""
    rng, sheet = desk.rng, desk.sheet
    colon = left + (right - left) * 0.3
    sheet.write(desk.body, desk.fit(desk.body, desk.draw(label=1), colon - left - 1.5 * desk.body.size), left, y)
    sheet.write(desk.body, ":", colon, y)
    value = desk.draw(code=2, date=2, name=1, amount=1, tiny=2)
    if chance(rng, 0.9):
        start = colon + 2 * desk.body.size
        sheet.write(desk.body, desk.fit(desk.body, value, right - start), start, y)


def _item_row(desk: Desk, columns: Sequence[float], y: float) -> None:
    rng, sheet = desk.rng, desk.sheet
    figures = [desk.draw(amount=5, price=1)] + [_quantity(desk) for _ in columns[1:]]
    room = columns[-1] - max(sheet.measure(desk.body, text) for text in figures) - 2 * desk.body.size
    left = sheet.width * 0.05
    if chance(rng, 0.2):
        left += sheet.write(desk.body, str(whole(rng, 1, 9)), left, y) + desk.body.size * between(rng, 1.2, 3)
    sheet.write(desk.body, desk.fit(desk.body, desk.draw(item=3, goods=3), room - left), left, y)
    taken = float(sheet.width)
    for x, text in zip(columns, figures, strict=True):
        if chance(rng, 0.85) and x + desk.body.size * 0.7 < taken + (sheet.width if x == columns[0] else 0):
            taken = x - sheet.write(desk.body, text, x, y, align=1)


def _quantity(desk: Desk) -> str:
    """How many, or what each costs: mostly one digit, mostly a one."""
    one = desk.rng.random()
    if one < 0.5:
        return "1" if one < 0.3 else str(whole(desk.rng, 0, 9))
    return desk.draw(amount=1, tiny=1)


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


def _fields(desk: Desk, left: float, right: float, y: float, pitch: float, value: Type, *, boxed: bool) -> None:
    """One row of one to four fields, each a label and what was filled in."""
    rng, sheet = desk.rng, desk.sheet
    count = whole(rng, 1, 4) if sheet.width > 24 * desk.body.size else whole(rng, 1, 2)
    wide = (right - left) / count
    for at in range(count):
        x, end = left + at * wide, left + (at + 1) * wide
        if boxed:
            sheet.frame((x, y - pitch * 0.72, end, y + pitch * 0.28), desk.ink)
            x += desk.body.size * 0.4
        used = sheet.write(desk.body, desk.fit(desk.body, desk.draw(label=1), wide - desk.body.size), x, y)
        start = x + used + desk.body.size * between(rng, 0.4, 2.2)
        if not boxed and chance(rng, 0.6):
            sheet.rule(start, y + 2, end - desk.body.size * 0.6, y + 2, desk.ink)
        if chance(rng, 0.7):
            text = desk.draw(name=3, date=2, number=2, single=3, words=2, address=2, phone=1, code=2, amount=1, tiny=1)
            sheet.write(value, desk.fit(value, text, end - start - desk.body.size * 0.5), start, y)


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
            text = desk.fit(desk.body, text, room)
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
