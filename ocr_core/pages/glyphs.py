"""The characters of a PDF's text layer, where they are seen on the page.

Coordinates are points of the page as it is seen, y pointing down.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_core.pages.pdfium.fields import FIELDS, GENERATED, HYPHEN, UNSEEN

UPRIGHT = 0.02
"""Angles closer to an axis than this many radians lie on it."""
OVERSIZED = 3.0
"""Symbols in boxes of at least so many times the usual height of the page, and with ink in at most so much of it:"""
HOLLOW = 0.2
"""these are no text but pieces of frames. TeX's fonts for corners say that they are crosses and telephones."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """How a page is seen: the box of user space that is shown, turned clockwise by so many degrees."""

    box: tuple[float, float, float, float]
    """Left, bottom, right and top."""
    rotation: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as seen, in points."""
        left, bottom, right, top = self.box
        width, height = right - left, top - bottom
        return (height, width) if self.rotation % 180 else (width, height)

    def see(self, points: NDArray[np.generic]) -> Floats:
        """Map …×2 points of user space to where they are seen."""
        left, bottom, right, top = self.box
        x, y = np.moveaxis(np.asarray(points, np.float64), -1, 0)
        across, down = {
            0: (x - left, top - y),
            90: (y - bottom, x - left),
            180: (right - x, y - bottom),
            270: (top - y, right - x),
        }[self.rotation]
        return np.stack([across, down], axis=-1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Characters:
    """The fields of `wire.FIELDS`, an array each."""

    code: NDArray[np.uint32]
    box: NDArray[np.float32]
    ink: NDArray[np.float32]
    angle: NDArray[np.float32]
    size: NDArray[np.float32]
    painted: NDArray[np.uint32]
    flags: NDArray[np.uint32]

    @classmethod
    def unpack(cls, data: bytes | bytearray, count: int) -> Characters:
        """Return the arrays of `count` characters.

        Raises:
            ValueError: there are not so many.
        """
        arrays: dict[str, NDArray[Any]] = {}
        at = 0
        for name, kind, width in FIELDS:
            arrays[name] = np.frombuffer(data, {"I": np.uint32, "f": np.float32}[kind], count * width, at)
            at += 4 * count * width
        for name in ("box", "ink"):
            arrays[name] = arrays[name].reshape(count, 4)
        return cls(**arrays)


@dataclass(slots=True)
class Glyph:
    """A character in the frame of its line: `left` and `right` along the text, `top` and `bottom` across it."""

    text: str
    angle: float
    left: float
    right: float
    top: float
    bottom: float
    seen: bool
    meant: bool

    @property
    def height(self) -> float:
        """Return the extent across the text."""
        return max(self.bottom - self.top, 1e-3)

    @property
    def place(self) -> tuple[float, ...]:
        """Return what two characters share of which one was made."""
        return self.angle, self.left, self.right, self.top, self.bottom


def glyphs_of(characters: Characters, frame: Frame, hidden: NDArray[np.bool_]) -> Iterator[Glyph | None]:
    """Yield the characters, None for white space."""
    corners = frame.see(characters.box.reshape(-1, 2, 2).astype(np.float64))
    low, high = corners.min(axis=1), corners.max(axis=1)
    ahead = np.stack([np.cos(characters.angle), np.sin(characters.angle)], axis=-1)
    ahead = frame.see(ahead) - frame.see(np.zeros(2))
    angles = _snapped(np.arctan2(ahead[:, 1], ahead[:, 0]))
    centre, width, height = (low + high) / 2, *_sizes(high - low, angles, characters.size)
    cos, sin = np.cos(angles), np.sin(angles)
    along = centre[:, 0] * cos + centre[:, 1] * sin
    across = centre[:, 1] * cos - centre[:, 0] * sin
    inside = ((centre >= 0) & (centre <= frame.size)).all(axis=1) & np.isfinite(along + across + width + height)
    flags = characters.flags
    seen = ((flags & UNSEEN) == 0) & ~hidden
    texts = _texts(characters)
    hollow = _hollow(characters)
    for i in range(len(texts)):
        text = texts[i]
        if text.isspace():
            yield None
        elif hollow[i] and unicodedata.category(text[0]) == "So":
            continue
        elif text and inside[i]:
            half, rise = width[i] / 2, height[i] / 2
            meant = all(map(is_meant, text))
            yield Glyph(
                text=text,
                angle=float(angles[i]),
                left=float(along[i] - half),
                right=float(along[i] + half),
                top=float(across[i] - rise),
                bottom=float(across[i] + rise),
                seen=bool(seen[i]),
                meant=meant,
            )


def _snapped(angles: Floats) -> Floats:
    """Return angles by whole degrees, so that all characters of a line have the same; those near an axis on it."""
    degrees = np.round(np.degrees(angles))
    axes = np.round(angles / (np.pi / 2)) * 90
    degrees = np.where(np.abs(np.degrees(angles) - axes) < np.degrees(UPRIGHT), axes, degrees)
    return np.radians(np.where(degrees == -180, 180.0, degrees))


def _sizes(boxes: Floats, angles: Floats, sizes: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Return width and height of characters along and across their text, of which `boxes` are the upright hulls."""
    cos, sin = np.abs(np.cos(angles)), np.abs(np.sin(angles))
    lying = cos >= sin
    major, minor = np.maximum(cos, sin), np.minimum(cos, sin)
    wide, high = np.where(lying, boxes[:, 0], boxes[:, 1]), np.where(lying, boxes[:, 1], boxes[:, 0])
    # The hull of w×h turned by t is w·cos t + h·sin t wide; the height of slanted text is that of its font.
    heights = np.where(minor < UPRIGHT, high, np.minimum(sizes, high))
    return np.maximum((wide - heights * minor) / major, 0), heights


def _hollow(characters: Characters) -> NDArray[np.bool_]:
    """Return which characters have far more height than others of the page, and next to no ink in it."""
    if not len(characters.box):
        return np.zeros(0, np.bool_)
    height, ink = (np.abs(sides[:, 3] - sides[:, 1]) for sides in (characters.box, characters.ink))
    return np.asarray((height >= OVERSIZED * np.median(height)) & (ink <= HOLLOW * height))


def _texts(characters: Characters) -> list[str]:
    """Return what each character says: halves of a pair joined in the first, ligatures taken apart, hyphens plain."""
    codes, flags = characters.code.tolist(), characters.flags.tolist()
    texts = []
    for i, code in enumerate(codes):
        if flags[i] & HYPHEN or code in (0x02, 0xAD):  # PDFium writes 2 for a hyphen that ends a line
            texts.append("-")
        elif 0xD800 <= code < 0xDC00 and i + 1 < len(codes) and 0xDC00 <= codes[i + 1] < 0xE000:
            texts.append(chr(0x10000 + ((code - 0xD800) << 10) + codes[i + 1] - 0xDC00))
        elif 0xDC00 <= code < 0xE000 and i and 0xD800 <= codes[i - 1] < 0xDC00:
            texts.append("")
        elif 0xFB00 <= code <= 0xFB06:
            texts.append(unicodedata.normalize("NFKC", chr(code)))
        elif code == 0 or flags[i] & GENERATED or code > 0x10FFFF:
            texts.append(" " if flags[i] & GENERATED else "\ufffd")
        else:
            texts.append(chr(code))
    return texts


def is_meant(character: str) -> bool:
    """Say whether a character is one: no control, no half of a pair, none of those that Unicode leaves undefined."""
    return character != "\ufffd" and unicodedata.category(character) not in {"Cc", "Cn", "Co", "Cs"}
