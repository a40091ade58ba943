"""Quads, in pixels with y pointing down.

A quad is 4×2, clockwise, from the top left corner of its text.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
"""N×2 (x, y)."""


def min_area_quad(points: NDArray[np.generic]) -> tuple[Points, float, float]:
    """Return the rectangle of least area around `points`, ordered, with its width (top edge) and height."""
    quad = order_quad(cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32, copy=False))))
    width, height = quad_size(quad)
    return quad, width, height


def order_quad(quad: NDArray[np.generic]) -> Points:
    """Return the corners clockwise, starting where the edge to the next corner points most to the right.

    The cyclic order is kept, only its start (and, for a mirrored quad, its sense) changes: rules that sort the corners
    by their coordinates fail for steep boxes and at ties.
    """
    corners = np.asarray(quad, np.float32)
    if signed_area(corners) < 0:
        corners = corners[::-1]
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum(np.hypot(edges[:, 0], edges[:, 1]), 1e-6)
    # Rounded, so that a box at 45 degrees does not turn by the last bit; then the upper corner starts.
    rightness = np.round(edges[:, 0] / lengths, 3)
    start = max(range(4), key=lambda i: (rightness[i], -corners[i, 1]))
    return np.roll(corners, -start, axis=0)


def signed_area(points: NDArray[np.generic]) -> float:
    """Return the area in square pixels, positive for clockwise order (y down)."""
    x, y = np.asarray(points, np.float64).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def quad_size(quad: NDArray[np.generic]) -> tuple[float, float]:
    """Return width and height: the longer of the two opposite edges each, in pixels."""
    edges = np.roll(quad, -1, axis=0) - np.asarray(quad, np.float64)
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    return float(max(lengths[0], lengths[2])), float(max(lengths[1], lengths[3]))


def grow_rectangle(quad: Points, distance: float) -> Points:
    """Return the rectangle with each side moved outwards by `distance` pixels.

    It equals the least rectangle around the Vatti offset with round joins, which DB uses, without clipping anything.
    """
    right = quad[1] - quad[0]
    down = quad[3] - quad[0]
    right = right / max(float(np.hypot(*right)), 1e-6) * distance
    down = down / max(float(np.hypot(*down)), 1e-6) * distance
    return quad + np.stack([-right - down, right - down, right + down, -right + down]).astype(np.float32)


def turn_points(points: NDArray[np.generic], size: tuple[int, int], degrees: int) -> Points:
    """Map points of an image to where they are after it was turned clockwise.

    Args:
        points: …×2 (x, y).
        size: width and height in pixels before the turn.
        degrees: 0, 90, 180 or 270.
    """
    width, height = size
    x, y = np.asarray(points, np.float32)[..., 0], np.asarray(points, np.float32)[..., 1]
    turned: dict[int, Sequence[NDArray[np.float32]]] = {
        0: (x, y),
        90: (height - y, x),
        180: (width - x, height - y),
        270: (y, width - x),
    }
    return np.stack(turned[degrees % 360], axis=-1)
