"""DB post-processing: from the map of shrunk text cores to quads ("Real-time scene text detection with DB", §3)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.detection.direction import Direction
from ocr_core.detection.stacked import split_rows
from ocr_core.geometry import Points, grow_rectangle, min_area_quad, quad_size
from ocr_core.specs import DetectorSpec

MIN_CORE_SIDE = 3.0
"""Cores thinner than this, in pixels of the map, are noise."""
MIN_QUAD_SIDE = 5.0
"""The same for the quad after it was grown."""
LONG = 3.0
"""Lengthened are lines of at least so many heights: single words stand too close to others."""

_DILATION = np.ones((2, 2), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A piece of text: where it is and how sure the detector is: `spec.score` says over what the map is averaged."""

    quad: Points
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class _Core:
    outline: NDArray[np.generic]
    rectangle: Points
    """Of least area around the outline."""
    score: float


def find_quads(probability: NDArray[np.float32], spec: DetectorSpec, size: tuple[int, int]) -> list[Detection]:
    """Return the text of one map, from above to below.

    Args:
        probability: H×W, that a pixel lies in the shrunk core of a line.
        spec: thresholds and the unclip ratio.
        size: width and height, in pixels, of the image that the quads shall refer to.
    """
    core = (probability > spec.threshold).view(np.uint8)
    if spec.dilate:
        core = cv2.dilate(core, _DILATION).astype(np.uint8, copy=False)
    scale = np.array([size[0] / probability.shape[1], size[1] / probability.shape[0]], np.float32)
    limit = np.array(size, np.float32)
    cores = [
        piece
        for contour in _outlines(core, spec.max_candidates)
        for line in _lines(contour[:, 0], probability, spec)
        if (piece := _core_of(line, probability, spec)) is not None
    ]
    direction = Direction.of([piece.rectangle for piece in cores])
    found = []
    for piece in cores:
        straight = direction.set_straight(piece.rectangle, piece.outline) if direction else piece.rectangle
        if (quad := _grown(straight, spec)) is not None:
            found.append(Detection((quad * scale).clip(0, limit), piece.score))
    return found


def _outlines(core: NDArray[np.uint8], most: int) -> list[NDArray[np.int32]]:
    """Return the outlines [n, 1, 2] in a map of cores by where they begin, rows first; of too many the largest.

    What has a small area is noise, or the text that a page can do without soonest. OpenCV's own order is from below to
    above, and of too many it would leave out the top of the page.
    """
    contours, _ = cv2.findContours(core, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    ordered = sorted(contours, key=lambda contour: (contour[0, 0, 1], contour[0, 0, 0]))
    outlines = [np.asarray(contour, np.int32) for contour in ordered]
    if len(outlines) <= most:
        return outlines
    areas = [cv2.contourArea(outline) for outline in outlines]
    largest = sorted(range(len(outlines)), key=lambda i: -areas[i])[:most]
    return [outlines[i] for i in sorted(largest)]


def _lines(
    contour: NDArray[np.int32], probability: NDArray[np.float32], spec: DetectorSpec
) -> list[NDArray[np.generic]]:
    # What is thinner than a core may be has no rows that would not be.
    if spec.split_threshold is None or min(cv2.minAreaRect(contour)[1]) < MIN_CORE_SIDE:
        return [contour]
    return split_rows(contour, probability, spec.split_threshold)


def _core_of(outline: NDArray[np.generic], probability: NDArray[np.float32], spec: DetectorSpec) -> _Core | None:
    rectangle, width, height = min_area_quad(outline)
    if min(width, height) < MIN_CORE_SIDE:
        return None
    score = mean_inside(probability, rectangle if spec.score == "fast" else outline)
    return _Core(outline, rectangle, score) if score >= spec.box_threshold else None


def _grown(rectangle: Points, spec: DetectorSpec) -> Points | None:
    """Return the quad of the text that a core's rectangle stands for; None if it is too small."""
    width, height = quad_size(rectangle)
    # DB, eq. 10: the core was inset by A·(1 − r²)/L; growing by A·ratio/L undoes it for the ratio that fits r.
    distance = width * height * spec.unclip_ratio / (2 * (width + height))
    if min(width, height) + 2 * distance < MIN_QUAD_SIDE:
        return None
    # Pixel i covers [i, i + 1): the centre of the map's pixels lies half a pixel beyond the contour's coordinates.
    return lengthened(grow_rectangle(rectangle, distance), spec.lengthen) + np.float32(0.5)


def lengthened(quad: Points, distance: float) -> Points:
    """Return a rectangle (4×2), if it is long, with its shorter sides moved outwards by `distance` pixels."""
    width, height = quad_size(quad)
    if max(width, height) < LONG * min(width, height):
        return quad
    (x0, y0), (x1, y1), _, (x3, y3) = quad.tolist()
    if width >= height:
        x, y, ends = (x1 - x0) / max(width, 1.0) * distance, (y1 - y0) / max(width, 1.0) * distance, (-1, 1, 1, -1)
    else:
        x, y, ends = (x3 - x0) / max(height, 1.0) * distance, (y3 - y0) / max(height, 1.0) * distance, (-1, -1, 1, 1)
    return quad + np.array([[end * x, end * y] for end in ends], np.float32)


def mean_inside(probability: NDArray[np.float32], polygon: NDArray[np.generic]) -> float:
    """Return the mean of the map over a polygon: DB's score, "fast" over the rectangle, "slow" over the contour."""
    height, width = probability.shape
    quad = polygon.astype(np.float32, copy=False)
    low = np.floor(quad.min(axis=0)).astype(int).clip(0, (width - 1, height - 1))
    high = np.ceil(quad.max(axis=0)).astype(int).clip(0, (width - 1, height - 1))
    window = probability[low[1] : high[1] + 1, low[0] : high[0] + 1]
    mask = np.zeros(window.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(quad - low).astype(np.int32)], (1,))
    return float(cv2.mean(window, mask)[0])
