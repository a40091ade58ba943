"""Which characters of a PDF's text layer are seen: those without which the page looks different.

Text may be white on white, lie under a black box, be clipped away, transparent or switched off. Each is written in a
way of its own, and all have one thing in common; so the page is drawn small, its text taken off, and drawn again.
Text that lies on other text is taken off one layer after the other, the uppermost first: what changes where one was
taken off is not the mark of what lies below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points
from ocr_core.pages.glyphs import Characters, Frame
from ocr_core.pages.pdfium.fields import GENERATED, UNSEEN

SHARE = 0.36
"""Of the resolution in which the page is read: 72 dpi of 200. Body text is some eight pixels high then."""
DIFFERENCE = 8
"""Levels of 255 by which some colour of a pixel changes where a mark was. A hairline of light grey makes ten."""
LAYERS = 4
"""Of text upon text; the paper under a formula's accent has two. What lies higher is read instead."""
LEAST = 1.0
"""Points of a font below which nobody sees it, on a page of the size of A4 and larger; less on smaller ones."""
_A4 = 842
_MARGIN = 0.5
"""Pixels of the small page by which ink may lie beside its outline: PDFium moves glyphs onto whole pixels. Dots are
allowed as much again: some are smaller than that."""
_BETWEEN = 0.25
"""Share of its height by which a piece of text may lie over the next at either end and is still beside it: slanted
letters do."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """What lies upon what. `of` is N, each character's layer from 0 below; -1 where it is not to be taken off."""

    of: NDArray[np.int64]
    objects: list[list[int]]
    """By when they are painted, the uppermost layer first; what lies higher than `LAYERS` is in none of them."""
    boxes: NDArray[np.int64]
    """N×4: left, top, right and bottom of each character's ink, in pixels."""

    def unsure(self, characters: Characters, frame: Frame) -> list[Points]:
        """Return the outline, in points of the page, of the characters that lie too high to be taken off; or none."""
        corners = frame.see(characters.ink[self.of >= LAYERS].reshape(-1, 2))
        if not len(corners):
            return []
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        return [np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)]


def too_small(characters: Characters, frame: Frame) -> Bools:
    """Return which characters are too small to be seen."""
    sizes: Bools = characters.size < LEAST * min(1.0, max(frame.size) / _A4)
    return sizes


def find_layers(characters: Characters, frame: Frame, hidden: Bools, scale: float) -> Layers:
    """Return what is to be taken off a page to tell which characters are seen.

    Args:
        characters: N, of the page.
        frame: how it is seen.
        hidden: N, those of which it is known that they are not.
        scale: pixels a point.
    """
    width, height = (max(1, round(side * scale)) for side in frame.size)
    corners = frame.see(characters.ink.reshape(-1, 2, 2)) * scale
    corners = np.clip(np.nan_to_num(corners, nan=-1), -1, max(width, height) + 1)
    low, high = corners.min(axis=1), corners.max(axis=1)
    margin = np.where(_letters(characters), _MARGIN, 2 * _MARGIN)[:, None]
    boxes = np.concatenate([np.floor(low - margin), np.ceil(high + margin)], axis=1).astype(np.int64)
    boxes = np.clip(boxes, 0, [width, height, width, height])
    has_ink = (np.diff(characters.ink.reshape(-1, 2, 2), axis=1) > 0).all(axis=(1, 2))
    asked = np.flatnonzero(has_ink & ~hidden & ((characters.flags & UNSEEN) == 0) & (characters.painted > 0))
    of = np.full(len(hidden), -1, np.int64)
    if not len(asked):
        return Layers(of, [], boxes)
    asked = asked[np.argsort(characters.painted[asked], kind="stable")]
    painted, first, index = np.unique(characters.painted[asked], return_index=True, return_inverse=True)
    hulls = np.concatenate([np.minimum.reduceat(low[asked], first), np.maximum.reduceat(high[asked], first)], axis=1)
    levels = _levels(hulls, (width, height))
    of[asked] = levels[index]
    top = min(int(levels.max()) + 1, LAYERS)
    return Layers(of, [painted[levels == level].tolist() for level in reversed(range(top))], boxes)


def _levels(hulls: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.int64]:
    """Return in which layer each piece of text lies; they come in the order in which they are painted."""
    middle = (hulls[:, :2] + hulls[:, 2:]) / 2
    half = (hulls[:, 2:] - hulls[:, :2]) / 2
    half -= _BETWEEN * np.minimum(half.min(axis=1, keepdims=True) * 2, half)
    start = np.floor(np.clip(middle - half, 0, np.subtract(size, 1))).astype(np.int64)
    end = np.maximum(np.ceil(middle + half).astype(np.int64), start + 1)
    highest = np.zeros((size[1], size[0]), np.uint16)
    levels = np.zeros(len(hulls), np.int64)
    for i, (left, top, right, bottom) in enumerate(np.concatenate([start, end], axis=1).tolist()):
        place = highest[top:bottom, left:right]
        levels[i] = level = place.max()
        place[:] = min(level + 1, LAYERS)
    return levels


def are_seen(characters: Characters, layers: Layers, drawn: NDArray[np.uint8]) -> Bools:
    """Return which of N characters are seen.

    Args:
        characters: of the page.
        layers: what was taken off it.
        drawn: (1 + layers)×H×W×3, the page before and after each was.
    """
    changed = np.zeros(len(layers.of), np.bool_)
    left, top, right, bottom = layers.boxes.T
    for i in range(len(layers.objects)):
        blue, green, red = cv2.split(cv2.absdiff(drawn[i], drawn[i + 1]))
        mark = (np.maximum(np.maximum(blue, green), red) >= DIFFERENCE).astype(np.uint8)
        sums = cv2.integral(mark)
        count = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        changed |= (layers.of == len(layers.objects) - 1 - i) & (count > 0)
    return _with_neighbours(characters, layers, changed)


def _with_neighbours(characters: Characters, layers: Layers, changed: Bools) -> Bools:
    """Let dots, and what has no outline of its own, be seen where their neighbours are."""
    judged = (layers.of >= 0) & (_letters(characters) | changed)
    places = np.arange(len(judged))
    before = np.maximum.accumulate(np.where(judged, places, -1))
    after = np.minimum.accumulate(np.where(judged, places, len(judged))[::-1])[::-1]
    seen = changed | ((layers.of < 0) & ((characters.painted > 0) | ((characters.flags & GENERATED) > 0)))
    for beside in (np.minimum(after, len(judged) - 1), before):
        same = judged[beside] & ~judged & (characters.painted[beside] == characters.painted)
        seen[same] = changed[beside[same]]
    return seen


def _letters(characters: Characters) -> Bools:
    codes = characters.code.tolist()
    return np.fromiter((code < 0x110000 and chr(code).isalnum() for code in codes), np.bool_, len(codes))
