"""The pictures on a PDF's page: where they lie, what they hide, where they may show text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points
from ocr_core.pages.glyphs import Characters, Frame

COVERING = 0.5
"""Share of the page from which a picture that is painted over text is taken for a scan that hides it."""
COVERS = 16
"""Pictures of a page that are asked what they hide, those on top: a hostile page has thousands."""
LEGIBLE = 6.0
"""Points of the shorter side from which a picture may show text."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Picture:
    """A picture; `outline` is 4×2 in points of the page as it is seen, in the order of the picture's own corners."""

    outline: Points
    pixels: tuple[int, int]
    painted: int
    """When it is painted, among the objects of the page."""
    opaque: bool

    @property
    def sides(self) -> tuple[float, float]:
        """Return the lengths of its sides in points, along its own width and height."""
        along, down = self.outline[1] - self.outline[0], self.outline[3] - self.outline[0]
        return float(np.hypot(*along)), float(np.hypot(*down))

    def share(self, size: tuple[float, float]) -> float:
        """Return the share of a page of this size that the picture covers."""
        low, high = np.maximum(self.outline.min(axis=0), 0), np.minimum(self.outline.max(axis=0), size)
        return float(np.prod(np.maximum(high - low, 0)) / (size[0] * size[1]))


def unpack_pictures(rows: Sequence[Sequence[float]], frame: Frame) -> list[Picture]:
    """Return pictures from what `pdfium.objects` tells of them.

    Raises:
        ValueError: it tells something else.
    """
    table = np.asarray(rows, np.float64).reshape(-1, 12)
    outlines = frame.see(table[:, :8].reshape(-1, 4, 2)).astype(np.float32)
    return [
        Picture(outline=outline, pixels=(int(width), int(height)), painted=int(painted), opaque=not transparent)
        for outline, (width, height, painted, transparent) in zip(outlines, table[:, 8:].tolist(), strict=True)
    ]


def hidden_by(pictures: Sequence[Picture], characters: Characters, frame: Frame) -> NDArray[np.bool_]:
    """Return which characters lie under a scan: OCR programs put the text there, that it can be searched."""
    hidden = np.zeros(len(characters.code), np.bool_)
    centres = frame.see(characters.box.reshape(-1, 2, 2)).mean(axis=1)
    covers = [picture for picture in pictures if picture.opaque and picture.share(frame.size) >= COVERING]
    for picture in covers[-COVERS:]:
        low, high = picture.outline.min(axis=0), picture.outline.max(axis=0)
        under = ((centres >= low) & (centres <= high)).all(axis=1)
        hidden |= under & (characters.painted < picture.painted)
    return hidden


def legible(pictures: Sequence[Picture], annotations: Sequence[Sequence[float]], frame: Frame) -> list[Points]:
    """Return the outlines of pictures and annotations in which text may be seen, in points of the page."""
    boxes = np.asarray(annotations, np.float64).reshape(-1, 4)
    corners = frame.see(boxes[:, [0, 3, 2, 3, 2, 1, 0, 1]].reshape(-1, 4, 2)).astype(np.float32)
    large = [picture.outline for picture in pictures if min(picture.sides) >= LEGIBLE]
    large += [box for box in corners if np.ptp(box, axis=0).min() >= LEGIBLE]
    return [outline for outline in large if _is_on_page(outline, frame.size)]


def whole_page(size: tuple[float, float]) -> Points:
    """Return the outline of a page of this size."""
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def _is_on_page(outline: Points, size: tuple[float, float]) -> bool:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return bool((low < size).all() and (high > 0).all())
