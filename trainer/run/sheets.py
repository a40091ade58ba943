"""Contact sheets: many small images, with captions, as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_core.preprocess import Pixels
from trainer.render.fonts import matplotlib_fonts

WIDTH = 1600
CAPTION = 18


def captioned(pixels: Pixels, text: str) -> Pixels:
    """Return an image with a line of text below it, in a font that has all of Latin."""
    font = ImageFont.truetype(matplotlib_fonts() / "DejaVuSans.ttf", 12)
    width = max(pixels.shape[1], int(font.getlength(text)) + 4)
    strip = Image.new("RGB", (width, CAPTION), "white")
    ImageDraw.Draw(strip).text((2, 1), text, fill="black", font=font)
    padded = np.pad(pixels, ((0, 0), (0, width - pixels.shape[1]), (0, 0)), constant_values=200)
    return np.vstack([padded, np.asarray(strip, np.uint8)])


def sheet(tiles: Sequence[Pixels], width: int = WIDTH) -> Pixels:
    """Lay images out in rows of at most `width` pixels."""
    gap, x, y, tall = 6, 0, 0, 0
    places = []
    for tile in tiles:
        if x and x + tile.shape[1] > width:
            x, y, tall = 0, y + tall + gap, 0
        places.append((x, y))
        x, tall = x + tile.shape[1] + gap, max(tall, tile.shape[0])
    widest = max((px + tile.shape[1] for (px, _), tile in zip(places, tiles, strict=True)), default=1)
    canvas = np.full((y + tall or 1, widest, 3), 128, np.uint8)
    for (px, py), tile in zip(places, tiles, strict=True):
        canvas[py : py + tile.shape[0], px : px + tile.shape[1]] = tile
    return canvas
