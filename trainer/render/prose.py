"""Layouts of documents, books, slides and screens."""

from __future__ import annotations

import numpy as np

from trainer.render import backgrounds
from trainer.render.desk import Desk
from trainer.render.draws import between, chance, pick, whole
from trainer.render.sheet import Type

Rng = np.random.Generator


def document(desk: Desk) -> None:
    """Running text in one to three columns with headings, lists, figures, notes and page numbers."""
    rng, sheet = desk.rng, desk.sheet
    columns = pick(rng, (1, 1, 1, 2, 2, 3)) if sheet.width > 26 * desk.body.size else 1
    left, right = sheet.width * between(rng, 0.04, 0.13), sheet.width * between(rng, 0.87, 0.96)
    gutter = desk.body.size * between(rng, 1.5, 3)
    wide = (right - left - gutter * (columns - 1)) / columns
    y = top = sheet.pitch(desk.body) * between(rng, 1.0, 4)
    if chance(rng, 0.4):
        sheet.write(desk.small, desk.fit(desk.small, desk.draw(short_text=1, company=1), right - left), left, top / 2)
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
        text = desk.fit(desk.small, desk.draw(heading=1).upper(), right - left - 6 * pitch)
        sheet.write(desk.small, text, (left + right) / 2, y, align=0.5)
        sheet.write(desk.small, str(whole(rng, 1, 600)), *((left, y) if chance(rng, 0.5) else (right - pitch * 2, y)))
        y += pitch * between(rng, 1.3, 2.5)
    leading = between(rng, 0.95, 1.35)
    while y < sheet.height - pitch:
        if chance(rng, 0.08):
            text = desk.fit(desk.head, desk.draw(heading=1), right - left)
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
        desk.picture((left + width * 1.1, y, right, y + between(rng, 0.3, 0.8) * (sheet.height - y)))
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
            text = desk.fit(
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
                sheet.frame((x - 6, y - pitch * 0.65, x + wide + pitch, y + pitch * 0.25), desk.ink)
            sheet.write(kind, text, x, y)
            x += wide + pitch * between(rng, 1.2, 5)
            if chance(rng, 0.45):
                break
        y += pitch * (1.0 if chance(rng, 0.8) else between(rng, 1, 3))
        if chance(rng, 0.05):
            desk.picture((pitch, y - pitch * 0.5, sheet.width * between(rng, 0.3, 0.9), y + pitch * between(rng, 1, 4)))
            y += pitch * 5


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
            desk.picture((x, y, x + wide, y + tall))
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
