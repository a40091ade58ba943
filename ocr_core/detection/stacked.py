"""Lines so close above each other that their cores touch: told apart where the map is surer."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import min_area_quad

Contour = NDArray[np.generic]
Floats = NDArray[np.float32]
Coordinates = NDArray[np.intp]
"""x, y of pixels, [n, 2]."""

LINE_LIKE = 1.5
"""A row is at least so many times as long as it is high: letters of a column, or of one wide word, are no rows."""
SIDE_BY_SIDE = 0.5
"""Rows above each other share at least this part of the shorter one's length."""
LEAST_PIXELS = 6
"""Smaller parts are noise."""
STRAIGHT = 2.0
"""A core so many times as long as it is wide, by its box, runs across or down."""
MOST_PARTS = 400
"""What falls into more parts is a texture, not text; grouping them would take long."""


def split_rows(contour: Contour, probability: Floats, threshold: float) -> list[Contour]:
    """Return the outlines [n, 2] of the rows a core falls into above `threshold`; its own where it is one line.

    A row is what is left of a line: parts beside each other, words mostly, belong to one. It gets back the pixels of
    the core that are nearest to it.

    Args:
        contour: the core's outline [n, 2], in pixels of the map.
        probability: the map, H×W.
        threshold: above the one that the core was cut out with.
    """
    left, top, width, height = cv2.boundingRect(contour.astype(np.int32))
    core = np.zeros((height, width), np.uint8)
    cv2.fillPoly(core, [contour.astype(np.int32) - np.array([left, top], np.int32)], (1,))
    sure = core & (probability[top : top + height, left : left + width] > threshold)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(sure.astype(np.uint8))
    boxes = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= LEAST_PIXELS]
    if not 2 <= len(boxes) <= MOST_PARTS or _are_beside(boxes, width, height):
        return [contour]
    parts = _parts(np.asarray(labels, np.int32))
    rows = _rows(parts)
    if not _are_stacked(rows):
        return [contour]
    corner = np.array([left, top], np.float32)
    pixels = [np.concatenate([parts[number] for number in row.parts]) for row in rows]
    return [row + corner for row in _shared_out(core, pixels)]


def _are_beside(boxes: NDArray[np.generic], width: int, height: int) -> bool:
    """Whether the parts of a core follow each other along it and none lies above another: the words of one line.

    Told by their boxes alone, and only where the core runs across or down: most cores need no more.
    """
    if max(width, height) < STRAIGHT * min(width, height):
        return False
    start, length = (cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH) if width > height else (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT)
    ordered: list[list[int]] = boxes[np.argsort(boxes[:, start])].tolist()
    return all(one[start] + one[length] <= other[start] for one, other in pairwise(ordered))


def _parts(labels: NDArray[np.int32]) -> list[Coordinates]:
    """Return the x, y of the pixels of each connected part, [n, 2], noise left out; one pass over all of them."""
    y, x = np.nonzero(labels)
    label = labels[y, x]
    order = np.argsort(label, kind="stable")
    edges = np.flatnonzero(np.diff(label[order])) + 1
    parts = np.split(np.stack([x, y], axis=1)[order], edges)
    return [part for part in parts if len(part) >= LEAST_PIXELS]


class _Row:
    """Parts beside each other: what they cover along the line and across it."""

    def __init__(self, number: int, along: tuple[float, float], across: tuple[float, float]) -> None:
        self.parts = [number]
        self.along = along
        self.across = across

    def takes(self, across: tuple[float, float]) -> bool:
        """Whether a part lies beside, not above or below."""
        middle, own = sum(across) / 2, sum(self.across) / 2
        return self.across[0] <= middle <= self.across[1] or across[0] <= own <= across[1]

    def add(self, number: int, along: tuple[float, float], across: tuple[float, float]) -> None:
        self.parts.append(number)
        self.along = (min(self.along[0], along[0]), max(self.along[1], along[1]))
        self.across = (min(self.across[0], across[0]), max(self.across[1], across[1]))


def _rows(parts: list[Coordinates]) -> list[_Row]:
    """Group parts into rows, in the direction of the largest part's longer side; from above to below."""
    corners, wide, tall = min_area_quad(max(parts, key=len))
    edge = corners[1] - corners[0] if wide >= tall else corners[3] - corners[0]
    direction = edge / max(float(np.hypot(*edge)), 1e-6)
    normal = np.array([-direction[1], direction[0]], np.float32)
    spans = [(_span(part @ direction), _span(part @ normal)) for part in parts]
    rows: list[_Row] = []
    for number in sorted(range(len(parts)), key=lambda i: -len(parts[i])):
        along, across = spans[number]
        home = next((row for row in rows if row.takes(across)), None)
        if home is None:
            rows.append(_Row(number, along, across))
        else:
            home.add(number, along, across)
    return sorted(rows, key=lambda row: row.across)


def _span(places: NDArray[np.floating]) -> tuple[float, float]:
    return float(places.min()), float(places.max()) + 1


def _are_stacked(rows: list[_Row]) -> bool:
    """Whether there are several lines, each long and beside the next."""
    lengths = [row.along[1] - row.along[0] for row in rows]
    heights = [row.across[1] - row.across[0] for row in rows]
    if len(rows) < 2 or any(length < LINE_LIKE * height for length, height in zip(lengths, heights, strict=True)):
        return False
    return all(
        min(one.along[1], other.along[1]) - max(one.along[0], other.along[0])
        >= SIDE_BY_SIDE * min(one.along[1] - one.along[0], other.along[1] - other.along[0])
        for one, other in pairwise(rows)
    )


def _shared_out(core: NDArray[np.uint8], rows: list[Coordinates]) -> list[Floats]:
    """Give each pixel of the core to the nearest row and return what each has as an outline."""
    owner = np.zeros(core.shape, np.int32)
    for number, row in enumerate(rows, 1):
        owner[row[:, 1], row[:, 0]] = number
    # One pass for all rows: it tells for each pixel which one of the rows' pixels is nearest.
    free = (owner == 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    owners = np.zeros(int(nearest.max()) + 1, np.int32)
    owners[nearest[free == 0]] = owner[free == 0]
    owner = np.where(core > 0, owners[nearest], 0)
    return [_outline(owner == number) for number in range(1, len(rows) + 1)]


def _outline(mask: NDArray[np.bool_]) -> Floats:
    """Return the outline of a mask's largest part, [n, 2]."""
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(max(contours, key=cv2.contourArea)[:, 0], np.float32)
