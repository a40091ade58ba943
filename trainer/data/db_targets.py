"""What a DB detector is trained to see: numpy alone, one page at a time (DB, section 3.4; facts 2.3 and 2.4).

A polygon is P×2 float32 (x, y) in pixels of a map of H×W.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points, signed_area
from trainer.data.polygons import offset_polygon, perimeter

SHRINK_RATIO = 0.4
RETRY_RATIO = 0.8
"""Tried where the inset falls apart or vanishes."""
HEAVIEST = 4
"""Weight that the pixels of a small core have at most."""
THRESHOLD_LOW, THRESHOLD_HIGH = 0.3, 0.7

Mask = NDArray[np.uint8]
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Maps of H×W."""

    shrink_map: Mask
    """1 in the shrunken core of each text."""
    shrink_mask: Mask
    """0 where the truth is unknown; more than 1 in small cores that weigh more."""
    threshold_map: Map
    """0.3, rising to 0.7 at the border of each text."""
    threshold_mask: Mask
    """1 near the border of a text, inside and outside."""


def db_targets(
    polygons: Sequence[Points],
    ignore: Sequence[bool],
    size: tuple[int, int],
    min_text: float,
    least_core: float = 0.0,
) -> Targets:
    """Return the maps for a page of `size` (height, width).

    Text less than `min_text` pixels high or wide is neither right nor wrong in the shrink map; as in PaddleOCR it still
    counts in the threshold map, which is drawn first. Cores of less than `least_core` pixels weigh as much as one of so
    many, or `HEAVIEST` times what they have: a lone digit counts as a word does, and not by its ink.
    """
    targets = Targets(
        shrink_map=np.zeros(size, np.uint8),
        shrink_mask=np.ones(size, np.uint8),
        threshold_map=np.zeros(size, np.float32),
        threshold_mask=np.zeros(size, np.uint8),
    )
    for polygon, skip in zip(polygons, ignore, strict=True):
        if not skip:
            draw_border(polygon, targets.threshold_map, targets.threshold_mask)
        draw_core(polygon, skip, min_text, targets.shrink_map, targets.shrink_mask, least_core)
    np.multiply(targets.threshold_map, THRESHOLD_HIGH - THRESHOLD_LOW, out=targets.threshold_map)
    np.add(targets.threshold_map, THRESHOLD_LOW, out=targets.threshold_map)
    return targets


def offset_distance(polygon: Points, ratio: float = SHRINK_RATIO) -> float:
    """Return D = A (1 - r²) / L in pixels (DB, eq. 10), 0 for a polygon without area."""
    length = perimeter(polygon)
    return abs(signed_area(polygon)) * (1 - ratio**2) / length if length else 0.0


def draw_core(polygon: Points, ignore: bool, min_text: float, core: Mask, mask: Mask, least_core: float = 0.0) -> None:
    """Fill the polygon, inset by D, with 1 in `core`; where it is ignored, fill all of it with 0 in `mask`.

    A text that leaves the map keeps its shape there; PaddleOCR pulls its corners in one by one, which bends the core.
    """
    height, width = core.shape
    seen = np.ptp(polygon.clip(0, (width - 1, height - 1)), axis=0)
    insets = [] if ignore or abs(signed_area(polygon)) < 1 or seen.min() < min_text else list(_insets(polygon))
    if insets:
        inner = [inset.astype(np.int32) for inset in insets]
        cv2.fillPoly(core, inner, (1,))
        weight = min(least_core / max(sum(cv2.contourArea(inset) for inset in inner), 1.0), HEAVIEST)
        if weight > 1:
            # Where an unreadable text lies over it, it stays unknown.
            own = cv2.fillPoly(np.zeros_like(mask), inner, (round(weight),))
            np.copyto(mask, own, where=(own > 0) & (mask > 0), casting="unsafe")
    else:
        cv2.fillPoly(mask, [polygon.astype(np.int32)], (0,))


def _insets(polygon: Points) -> Iterator[Points]:
    for ratio in (SHRINK_RATIO, RETRY_RATIO):
        found = offset_polygon(polygon, -offset_distance(polygon, ratio))
        if len(found) == 1:
            break
    yield from found


def draw_border(polygon: Points, canvas: Map, mask: Mask) -> None:
    """Raise `canvas` to 1 - d / D at distance d < D from the polygon's edges; fill the polygon, outset by D, in `mask`.

    Only pixels of the outset polygon's bounding box are touched. d is the true distance to the nearest edge;
    PaddleOCR's formula differs from it by a few hundredths near the corners (facts 2.3).
    """
    distance = offset_distance(polygon)
    outsets = offset_polygon(polygon, distance) if distance > 0 else []
    if not outsets:
        return
    height, width = canvas.shape
    outset = outsets[0]
    cv2.fillPoly(mask, [outset.astype(np.int32)], (1,))
    left, top = np.floor(outset.min(axis=0)).astype(int).clip(0, (width, height))
    right, bottom = (np.ceil(outset.max(axis=0)).astype(int) + 1).clip(0, (width, height))
    if left >= right or top >= bottom:
        return
    window = canvas[top:bottom, left:right]
    nearest = edge_distance(polygon, np.arange(left, right), np.arange(top, bottom))
    np.maximum(window, 1 - np.minimum(nearest / np.float32(distance), 1), out=window)


def edge_distance(polygon: Points, x: NDArray[np.integer], y: NDArray[np.integer]) -> Map:
    """Return the distance of each place of the grid (len(y)×len(x)) to the polygon's nearest edge."""
    best = np.full((len(y), len(x)), np.inf, np.float32)
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        dx, dy = (float(value) for value in end - start)
        from_x = (x - start[0]).astype(np.float32)
        from_y = (y - start[1]).astype(np.float32)[:, None]
        along = (from_x * dx + from_y * dy) / max(dx * dx + dy * dy, 1e-12)
        np.clip(along, 0, 1, out=along)
        np.minimum(best, (from_x - along * dx) ** 2 + (from_y - along * dy) ** 2, out=best)
    return np.sqrt(best)
