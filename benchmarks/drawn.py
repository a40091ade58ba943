"""A page of many short lines, drawn: no labelled set has pages as long as the longest that a service must bear."""

from __future__ import annotations

import io
import random
import string

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

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
