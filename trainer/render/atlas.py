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
OPEN_FONTS = 256  # an open font holds a file handle
_NO_INK = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class Glyph:
    """Ink [H, W], its offset from the pen on the baseline (`top` counts downwards), the pen's advance; in pixels."""

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
            y0, x0 = baseline + glyph.top + dy, left + round(pen) + glyph.left
            y1, x1 = y0 + h, x0 + w
            if y0 < 0 or x0 < 0 or y1 > height or x1 > width:
                if y1 <= 0 or x1 <= 0 or y0 >= height or x0 >= width:
                    continue
                ink = ink[max(-y0, 0) : height - y0, max(-x0, 0) : width - x0]
                y0, x0 = max(y0, 0), max(x0, 0)
            there = canvas[y0:y1, x0:x1]
            np.maximum(there, ink, out=there)

    def ink_rows(self) -> tuple[int, int]:
        """First and last row of ink relative to the baseline, (0, 0) where there is none."""
        tops = [glyph.top + dy for glyph, dy in zip(self.glyphs, self.dy, strict=True) if glyph.ink.size]
        if not tops:
            return 0, 0
        pairs = zip(self.glyphs, self.dy, strict=True)
        return min(tops), max(glyph.top + dy + glyph.ink.shape[0] for glyph, dy in pairs if glyph.ink.size)


class GlyphAtlas:
    """Masks of the (face, size, character) met: `capacity` faces at a size, of some 50 kB each, are remembered."""

    def __init__(self, capacity: int = 4000) -> None:
        self._capacity = capacity
        self._glyphs: OrderedDict[tuple[str, int], dict[str, Glyph]] = OrderedDict()
        self._metrics: dict[tuple[str, int], Metrics] = {}
        self._open: OrderedDict[tuple[str, int], ImageFont.FreeTypeFont] = OrderedDict()

    def metrics(self, face: Face, size: int) -> Metrics:
        """Heights of `face` at `size` pixels an em."""
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
        """One character, rasterised when first asked for."""
        table = self._table(face, size)
        found = table.get(character)
        if found is None:
            found = table[character] = self._rasterise(face, size, character)
        return found

    def measure(self, face: Face, size: int, text: str) -> float:
        """Width of `text` in pixels."""
        table = self._table(face, size)
        return sum([(table.get(character) or self.glyph(face, size, character)).advance for character in text])

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
        table = self._table(face, size)
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

    def _table(self, face: Face, size: int) -> dict[str, Glyph]:
        key = (face.path, size)
        table = self._glyphs.pop(key, None)
        if table is None:
            table = {}
            if len(self._glyphs) >= self._capacity:
                self._glyphs.popitem(last=False)
        self._glyphs[key] = table
        return table

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
        left, top, right, bottom = (int(edge) for edge in font.getbbox(character, anchor="ls"))
        if right <= left or bottom <= top:
            return Glyph(_NO_INK, 0, 0, advance or size / 4)
        image = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font, anchor="ls")
        return Glyph(np.array(image), left, top, advance)
