"""A page while it is being set: a ground to write on, and the quads of what was written."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render.atlas import GlyphAtlas
from trainer.render.backgrounds import Colour, lay
from trainer.render.fonts import Face

Floats = NDArray[np.float32]

MARGIN = 0.15
"""How far a label stands off the ink, in heights of the ink: people, and PP-OCRv6, draw their boxes so."""


@dataclass(frozen=True, slots=True)
class Type:
    """How text is set: face, size in pixels an em, BGR colour, extra space between letters in pixels."""

    face: Face
    size: int
    colour: Colour
    tracking: float = 0.0


@dataclass(slots=True)
class Sheet:
    """`ground` float32 [H, W, 3] is painted on; `quads` [4, 2] of pixels from the text's top left clockwise."""

    ground: Floats
    atlas: GlyphAtlas
    quads: list[Floats] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    ignored: list[bool] = field(default_factory=list)

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.ground.shape[0])

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.ground.shape[1])

    def measure(self, kind: Type, text: str) -> float:
        """Width of `text` in pixels."""
        return self.atlas.measure(kind.face, kind.size, text) + kind.tracking * len(text)

    def pitch(self, kind: Type) -> int:
        """Height of a line set solid: from ascender to descender with a little air, in pixels."""
        metrics = self.atlas.metrics(kind.face, kind.size)
        return round((metrics.ascent + metrics.descent) * 1.12) + 1

    def write(
        self,
        kind: Type,
        text: str,
        x: float,
        baseline: float,
        *,
        align: float = 0.0,
        word_space: float = 1.0,
        ignore: bool = False,
    ) -> float:
        """Writes `text` beginning at `x`, or ending there with `align` 1, or about it with 0.5; returns its width.

        Characters that the face lacks are left out; nothing is recorded of text that leaves the sheet.
        """
        text = self.drawable(kind, text)
        if not text:
            return 0.0
        line = self.atlas.set_line(kind.face, kind.size, text, tracking=kind.tracking, word_space=word_space)
        rise, depth = kind.size + 2, kind.size // 2 + 2
        left, top = round(x - align * line.width) - 4, round(baseline) - rise
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + line.width + 8, self.width), min(top + rise + depth, self.height)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return float(line.width)
        canvas = np.zeros((y1 - y0, x1 - x0), np.uint8)
        line.draw(canvas, left + 4 - x0, round(baseline) - y0)
        there = self.ground[y0:y1, x0:x1]
        painted = np.ascontiguousarray(there)
        lay(painted, canvas.astype(np.float32) * np.float32(1 / 255), kind.colour)
        there[:] = painted
        ink_top, ink_bottom = line.ink_rows()
        box = (left + 4.0, baseline + ink_top, left + 4.0 + line.width, baseline + ink_bottom)
        self.record(text, box, ignore=ignore)
        return float(line.width)

    def record(self, text: str, box: tuple[float, float, float, float], *, ignore: bool = False) -> None:
        """Notes `text` in an upright box of ink (left, top, right, bottom), widened as people label.

        What is to be ignored is noted in pieces, for a long box would cover its neighbours on a curled page.
        """
        left, top, right, bottom = box
        if ignore and right - left > 60:
            middle = (left + right) / 2
            self.record(text, (left, top, middle, bottom), ignore=True)
            self.record(text, (middle, top, right, bottom), ignore=True)
            return
        air = MARGIN * max(bottom - top, 4.0)
        self.quads.append(
            np.array(
                [
                    [left - air, top - air],
                    [right + air, top - air],
                    [right + air, bottom + air],
                    [left - air, bottom + air],
                ],
                np.float32,
            )
        )
        self.texts.append(text)
        self.ignored.append(ignore)

    def place(self, kind: Type, text: str, corners: Floats, *, halo: tuple[float, Colour] | None = None) -> bool:
        """Writes `text` into a quadrilateral [4, 2] of the sheet; False if nothing of it can be drawn.

        `halo` is an outline's width in ems and its colour. The quad recorded is that of the ink, widened.
        """
        text = self.drawable(kind, text)
        if not text.strip():
            return False
        line = self.atlas.set_line(kind.face, kind.size, text, tracking=kind.tracking)
        top, bottom = line.ink_rows()
        air = max(2, round(MARGIN * (bottom - top)))
        canvas = np.zeros((bottom - top + 2 * air, line.width + 2 * air), np.uint8)
        line.draw(canvas, air, air - top)
        height, width = canvas.shape
        x0, y0 = np.floor(corners.min(axis=0)).astype(int)
        x1, y1 = np.ceil(corners.max(axis=0)).astype(int) + 1
        x0, y0, x1, y1 = max(int(x0), 0), max(int(y0), 0), min(int(x1), self.width), min(int(y1), self.height)
        if x1 - x0 < 3 or y1 - y0 < 3:
            return False
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, corners - np.array((x0, y0), np.float32))
        if np.linalg.norm(corners[3] - corners[0]) < 0.6 * height:  # warping halves no more than this without aliasing
            canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.8), np.uint8)
        painted = np.ascontiguousarray(self.ground[y0:y1, x0:x1])
        inks = [(canvas, kind.colour)]
        if halo is not None:
            reach = max(1, round(halo[0] * kind.size))
            inks.insert(0, (np.asarray(cv2.dilate(canvas, np.ones((2 * reach + 1,) * 2)), np.uint8), halo[1]))
        for ink, colour in inks:
            mask = cv2.warpPerspective(ink, matrix, (x1 - x0, y1 - y0)).astype(np.float32)
            lay(painted, np.asarray(mask * np.float32(1 / 255), np.float32), colour)
        self.ground[y0:y1, x0:x1] = painted
        self.quads.append(corners.astype(np.float32))
        self.texts.append(text)
        self.ignored.append(False)
        return True

    def fill(self, box: tuple[float, float, float, float], colour: Colour, opacity: float = 1.0) -> None:
        """A rectangle (left, top, right, bottom) of `colour`."""
        x0, y0, x1, y1 = (max(0, round(edge)) for edge in box)
        there = self.ground[y0:y1, x0:x1]
        there += (colour - there) * np.float32(opacity)

    def rule(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, thick: float = 1.0) -> None:
        """A horizontal or vertical line."""
        half = max(thick, 1.0) / 2
        if abs(x1 - x0) >= abs(y1 - y0):
            self.fill((x0, y0 - half, x1, y0 - half + max(1, round(thick))), colour)
        else:
            self.fill((x0 - half, y0, x0 - half + max(1, round(thick)), y1), colour)

    def frame(self, box: tuple[float, float, float, float], colour: Colour, thick: float = 1.0) -> None:
        """The edges of a rectangle (left, top, right, bottom)."""
        x0, y0, x1, y1 = box
        for line in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
            self.rule(*line, colour, thick)

    def drawable(self, kind: Type, text: str) -> str:
        """`text` less the characters that the face lacks."""
        characters = kind.face.characters
        if characters.issuperset(text.replace(" ", "")):
            return text.strip()
        return " ".join("".join([c for c in text if c == " " or c in characters]).split())
