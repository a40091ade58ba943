"""Glyphs rasterised once, then set into lines by copying."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trainer.render.fonts import Face

Mask = NDArray[np.uint8]
OPEN_FONTS = 128  # an open font holds a file handle


@dataclass(frozen=True, slots=True)
class Glyph:
    """Ink [H, W], its offset from the pen on the baseline (`top` counts downwards), and the pen's advance, in pixels."""

    ink: Mask
    left: int
    top: int
    advance: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """Heights of one face at one size in pixels, measured on its own glyphs: above and below the baseline."""

    ascent: int
    descent: int
    x_height: int
    space: float


@dataclass(frozen=True, slots=True)
class SetLine:
    """Glyphs with their pens: `x` [n] is where each one's cell starts, `ends` [n] where it ends."""

    glyphs: tuple[Glyph, ...]
    x: NDArray[np.float32]
    ends: NDArray[np.float32]
    dy: tuple[int, ...]
    width: int

    def draw(self, canvas: Mask, left: int, baseline: int) -> None:
        """Draws into `canvas` [H, W] where ink already there wins if darker; what falls outside is cut."""
        height, width = canvas.shape
        for glyph, pen, dy in zip(self.glyphs, self.x.tolist(), self.dy, strict=True):
            ink = glyph.ink
            h, w = ink.shape
            if not h:
                continue
            top, x = baseline + glyph.top + dy, left + round(pen) + glyph.left
            if top >= 0 and x >= 0 and top + h <= height and x + w <= width:
                there = canvas[top : top + h, x : x + w]
                np.maximum(there, ink, out=there)
                continue
            y0, x0, y1, x1 = max(top, 0), max(x, 0), min(top + h, height), min(x + w, width)
            if y0 < y1 and x0 < x1:
                there = canvas[y0:y1, x0:x1]
                np.maximum(there, ink[y0 - top : y1 - top, x0 - x : x1 - x], out=there)

    def ink_rows(self) -> tuple[int, int]:
        """First and last row of ink relative to the baseline, (0, 0) where there is none."""
        tops = [glyph.top + dy for glyph, dy in zip(self.glyphs, self.dy, strict=True) if glyph.ink.size]
        if not tops:
            return 0, 0
        pairs = zip(self.glyphs, self.dy, strict=True)
        return min(tops), max(glyph.top + dy + glyph.ink.shape[0] for glyph, dy in pairs if glyph.ink.size)


class GlyphAtlas:
    """Masks of every (face, size, character) met so far: some 60 MB for a thousand faces in ASCII at 40 px."""

    def __init__(self) -> None:
        self._glyphs: dict[tuple[str, int], dict[str, Glyph]] = {}
        self._metrics: dict[tuple[str, int], Metrics] = {}
        self._open: OrderedDict[tuple[str, int], ImageFont.FreeTypeFont] = OrderedDict()

    def metrics(self, face: Face, size: int) -> Metrics:
        key = (face.path, size)
        if key not in self._metrics:
            high, low = self.glyph(face, size, "H"), self.glyph(face, size, "p" if "p" in face.characters else "Q")
            flat = self.glyph(face, size, "x" if "x" in face.characters else "X")
            self._metrics[key] = Metrics(
                ascent=max(-high.top, size // 4),
                descent=max(low.top + low.ink.shape[0], size // 12),
                x_height=max(-flat.top, size // 6),
                space=self.glyph(face, size, " ").advance,
            )
        return self._metrics[key]

    def glyph(self, face: Face, size: int, character: str) -> Glyph:
        table = self._glyphs.setdefault((face.path, size), {})
        found = table.get(character)
        if found is None:
            found = table[character] = self._rasterise(face, size, character)
        return found

    def set_line(
        self,
        face: Face,
        size: int,
        text: str,
        *,
        tracking: float = 0.0,
        word_space: float = 1.0,
        jitter: Sequence[int] | None = None,
    ) -> SetLine:
        """Sets `text`: `tracking` pixels between letters, spaces `word_space` times their width, `jitter` [n] rows."""
        table = self._glyphs.setdefault((face.path, size), {})
        glyphs = tuple([table.get(character) or self.glyph(face, size, character) for character in text])
        advances = np.array([glyph.advance for glyph in glyphs], np.float32)
        if word_space != 1.0:
            advances[[character == " " for character in text]] *= word_space
        ends = np.cumsum(advances + tracking, dtype=np.float32)
        return SetLine(
            glyphs=glyphs,
            x=ends - advances - tracking,
            ends=ends - tracking,
            dy=tuple(jitter) if jitter is not None else (0,) * len(glyphs),
            width=int(np.ceil(ends[-1])) if glyphs else 0,
        )

    def _font(self, face: Face, size: int) -> ImageFont.FreeTypeFont:
        key = (face.path, size)
        font = self._open.pop(key, None)
        if font is None:
            font = ImageFont.truetype(face.path, size, layout_engine=ImageFont.Layout.BASIC)
            if len(self._open) >= OPEN_FONTS:
                self._open.popitem(last=False)
        self._open[key] = font
        return font

    def _rasterise(self, face: Face, size: int, character: str) -> Glyph:
        font = self._font(face, size)
        advance = float(font.getlength(character))
        image = Image.new("L", (4 * size, 4 * size))
        ImageDraw.Draw(image).text((size, 2 * size), character, fill=255, font=font, anchor="ls")
        box = image.getbbox()
        if box is None:
            return Glyph(np.zeros((0, 0), np.uint8), 0, 0, advance or size / 4)
        ink = np.array(image.crop(box))
        return Glyph(ink, box[0] - size, box[1] - 2 * size, advance)
