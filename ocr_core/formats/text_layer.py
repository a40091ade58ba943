"""Invisible text over the picture of a page: where each word goes, in the operators of a PDF."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.formats.glyphless import ADVANCE, GlyphlessFont
from ocr_core.formats.structure import DESCENT, words_of
from ocr_core.geometry import Points
from ocr_core.pipeline.result import Line

GAP = 0.12
"""Least gap between words, in heights of the line: poppler sees one word below 0.1, though there is a space."""

LEVEL = 0.5
"""Words that rise by less than this share of their height are written level: poppler breaks a word where its baseline
has risen by half a point."""

_UserSpace = NDArray[np.float64]
"""N×2 (x, y) in the units of a PDF page, y pointing up."""


@dataclass(frozen=True, slots=True)
class View:
    """The part of a page that is seen, in units of the page, and how it is turned to be seen."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""

    def place(self, points: Points, size: tuple[int, int]) -> _UserSpace:
        """Map pixels of the page as it is seen (N×2, y down) to its own units; `size` is its width and height."""
        across, down = (np.asarray(points, np.float64) / size).T
        width, height = self.right - self.left, self.top - self.bottom
        x, y = {
            0: (across, 1 - down),
            90: (down, across),
            180: (1 - across, down),
            270: (1 - down, 1 - across),
        }[self.rotation]
        return np.stack([self.left + x * width, self.bottom + y * height], axis=1)


def text_layer(lines: Iterable[Line], size: tuple[int, int], view: View, font: GlyphlessFont, name: str) -> bytes:
    """Return a content stream that writes lines without showing them, and leaves all else as it found it.

    Args:
        lines: in pixels of the page as it is seen.
        size: width and height of the page in those pixels.
        view: what of the page is seen.
        font: takes up the characters.
        name: of the font in the page's resources, with its slash.
    """
    words = [word for line in lines for word in words_of(line)]
    if not words:
        return b""
    places = [_Placed.at(view.place(word.quad, size)) for word in words]
    widths = _widths(places)
    shown = [
        _word(word.text, place, width, font, name) for word, place, width in zip(words, places, widths, strict=True)
    ]
    return "\n".join(["q BT 3 Tr", *shown, "ET Q\n"]).encode("ascii")


def _word(text: str, place: _Placed, width: float, font: GlyphlessFont, name: str) -> str:
    """Return the operators that write a word and a space behind it."""
    shown, count = font.encode(text)
    stretch = 100 * width / (count * ADVANCE / 1000 * place.height)
    turn = (math.cos(place.angle), math.sin(place.angle), -math.sin(place.angle), math.cos(place.angle))
    matrix = " ".join(map(_number, (*turn, place.x, place.y)))
    return f"{name} {_number(place.height)} Tf {matrix} Tm {_number(stretch)} Tz {shown} Tj"


def _widths(places: Sequence[_Placed]) -> list[float]:
    """Return how wide to write each word: as wide as it is, but `GAP` short of what stands behind it in its row.

    That may be the next word of its line, or the first of another line, whose box touches this one's.
    """
    starts = np.array(sorted((place.x, place.y) for place in places))
    widths = []
    for place in places:
        cos, sin = math.cos(place.angle), math.sin(place.angle)
        # What stands further away, even askew, leaves room enough.
        reach = place.width + place.height
        first, last = np.searchsorted(starts[:, 0], (place.x - reach, place.x + reach))
        x, y = starts[first:last].T
        along = (x - place.x) * cos + (y - place.y) * sin
        across = (y - place.y) * cos - (x - place.x) * sin
        behind = along[(along > place.width / 2) & (abs(across) < place.height / 2)]
        room = float(behind.min(initial=math.inf)) - GAP * place.height
        widths.append(min(place.width, max(room, place.width / 2)))
    return widths


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a word is written: start and direction of its baseline, width and height, in units of the page."""

    x: float
    y: float
    angle: float
    width: float
    height: float

    @classmethod
    def at(cls, corners: _UserSpace) -> _Placed:
        """Return the place of a word with these corners: 4×2, as those of a quad."""
        top_left, top_right, bottom_right, bottom_left = corners
        along = (top_right + bottom_right - top_left - bottom_left) / 2
        up = (top_left + top_right - bottom_left - bottom_right) / 2
        width = max(float(np.hypot(*along)), 1e-3)
        height = max(abs(float(along[0] * up[1] - along[1] * up[0])) / width, 1e-3)
        start, angle = bottom_left + up * DESCENT, math.atan2(along[1], along[0])
        level = round(angle / (math.pi / 2)) * (math.pi / 2)
        if abs(math.sin(angle - level)) * width < LEVEL * height:
            width *= math.cos(angle - level)
            start = start + along / 2 - np.array([math.cos(level), math.sin(level)]) * width / 2
            angle = level
        return cls(float(start[0]), float(start[1]), angle, width, height)


def _number(value: float) -> str:
    """Return a number as PDF writes it: no exponent, no more digits than matter."""
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"
