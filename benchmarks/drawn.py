"""Drawn pages: where no labelled set is at hand, and one of more lines than any labelled page has."""

from __future__ import annotations

import io
import random
import string
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from ocr_core.scoring import PageRow, PageSet, Region

PAGE = (1240, 1754)
"""A sheet of A4 at 150 dots an inch, in pixels."""
BORDER = 100
SIZES = (20, 24, 28)
"""Of the letters of drawn documents, in pixels."""
TEXT = Path(__file__).resolve().parent.parent / "LICENSE"

COLUMNS = 6
CELL = (260, 48)
"""Pixels of a line's place, width and height."""
MARGIN = 40
FONT_SIZE = 28
"""Pixels; a third of them is left when the page is searched, which is near the least that can be read."""


def long_page(lines: int, seed: int = 0) -> bytes:
    """Return a PNG with `lines` lines of random letters and digits in columns, too far apart to be taken for one."""
    rng = random.Random(seed)
    rows = -(-lines // COLUMNS)
    page = PIL.Image.new("L", (2 * MARGIN + COLUMNS * CELL[0], 2 * MARGIN + rows * CELL[1]), 255)
    draw, font = PIL.ImageDraw.Draw(page), PIL.ImageFont.load_default(FONT_SIZE)
    for number in range(lines):
        text = "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(5, 9)))
        at = (MARGIN + number % COLUMNS * CELL[0], MARGIN + number // COLUMNS * CELL[1])
        draw.text(at, text, 0, font)
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def draw_set(folder: Path, count: int) -> PageSet:
    """Write pages of running text, that of the licence, as scans of 150 dots an inch; return them with their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    words = TEXT.read_text(encoding="utf-8").split()
    rows = []
    for number in range(count):
        rng = random.Random(number)
        page = PIL.Image.new("L", PAGE, rng.randint(225, 255))
        regions = _write_lines(page, words[rng.randrange(len(words) // 2) :], rng.choice(SIZES), rng.randint(0, 60))
        name = f"{number}.jpg"
        page.convert("RGB").save(folder / name, quality=85)
        rows.append(PageRow(name, regions, granularity="line"))
    return PageSet(folder, tuple(rows))


def _write_lines(page: PIL.Image.Image, words: list[str], size: int, ink: int) -> tuple[Region, ...]:
    """Fill a page with words, and return its lines."""
    draw, font = PIL.ImageDraw.Draw(page), PIL.ImageFont.load_default(size)
    top, line = float(BORDER), ""
    regions = []
    for word in words:
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= PAGE[0] - 2 * BORDER:
            line = longer
            continue
        draw.text((BORDER, top), line, ink, font)
        right = BORDER + font.getlength(line)
        regions.append(Region(((BORDER, top), (right, top), (right, top + size), (BORDER, top + size)), line))
        top, line = top + 1.5 * size, word
        if top > PAGE[1] - BORDER - size:
            break
    return tuple(regions)
