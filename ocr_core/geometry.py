"""Quads, in pixels with y pointing down.

A quad is 4×2, clockwise, from the top left corner of its text. A page has hundreds, and most functions are asked
several times about each: for four points Python's own floats take a quarter of the time of NumPy's.
"""

from __future__ import annotations

import math
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
    points: list[list[float]] = corners.tolist()
    following = points[1:] + points[:1]
    if sum(x * below - right * y for (x, y), (right, below) in zip(points, following, strict=True)) < 0:
        corners, points = corners[::-1], points[::-1]
        following = points[1:] + points[:1]

    def rank(i: int) -> tuple[float, float]:
        (x, y), (right, below) = points[i], following[i]
        # Rounded, so that a box at 45 degrees does not turn by the last bit; then the upper corner starts.
        return round((right - x) / max(math.hypot(right - x, below - y), 1e-6), 3), -y

    start = max(range(4), key=rank)
    return np.concatenate((corners[start:], corners[:start]))


def signed_area(points: NDArray[np.generic]) -> float:
    """Return the area in square pixels, positive for clockwise order (y down)."""
    x, y = np.asarray(points, np.float64).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def quad_size(quad: NDArray[np.generic]) -> tuple[float, float]:
    """Return width and height: the longer of the two opposite edges each, in pixels."""
    a, b, c, d = quad.tolist()
    return max(math.dist(a, b), math.dist(c, d)), max(math.dist(b, c), math.dist(d, a))


def quad_area(quad: Points) -> float:
    """Return the area in square pixels of the convex hull."""
    return cv2.contourArea(hull(quad))


def common_area(one: Points, other: Points) -> float:
    """Return the area in square pixels that the convex hulls of two quads share."""
    return cv2.intersectConvexConvex(hull(one), hull(other))[0]


class Bounds:
    """The upright bounds of N quads: which of them may share something with another is told a hundred times as fast."""

    def __init__(self, quads: Sequence[Points]) -> None:
        corners = np.array(quads, np.float32).reshape(len(quads), 4, 2)
        self._lows, self._highs = corners.min(axis=1), corners.max(axis=1)

    def meeting(self, quad: Points) -> list[int]:
        """Return the indices of the quads whose bounds share an area with those of this one."""
        meets = ((self._lows < quad.max(axis=0)) & (self._highs > quad.min(axis=0))).all(axis=1)
        return np.flatnonzero(meets).tolist()


def hull(quad: Points) -> Points:
    """Return the corners of the convex hull, N×1×2."""
    # Corners that were moved to the edge of the page may leave a quad that is not convex.
    return np.asarray(cv2.convexHull(quad.astype(np.float32)), np.float32)


def grow_rectangle(quad: Points, distance: float) -> Points:
    """Return the rectangle with each side moved outwards by `distance` pixels.

    It equals the least rectangle around the Vatti offset with round joins, which DB uses, without clipping anything.
    """
    (x0, y0), (x1, y1), _, (x3, y3) = quad.tolist()
    right = distance / max(math.hypot(x1 - x0, y1 - y0), 1e-6)
    down = distance / max(math.hypot(x3 - x0, y3 - y0), 1e-6)
    rx, ry, dx, dy = (x1 - x0) * right, (y1 - y0) * right, (x3 - x0) * down, (y3 - y0) * down
    moved = [[-rx - dx, -ry - dy], [rx - dx, ry - dy], [rx + dx, ry + dy], [dx - rx, dy - ry]]
    return quad + np.array(moved, np.float32)


def turn_points(points: NDArray[np.generic], size: tuple[int, int], degrees: int) -> Points:
    """Map points of an image to where they are after it was turned clockwise.

    Args:
        points: …×2 (x, y).
        size: width and height in pixels before the turn.
        degrees: 0, 90, 180 or 270.
    """
    if degrees % 360 == 0:  # most pages, and every word of them is turned
        return np.array(points, np.float32)
    width, height = size
    x, y = np.asarray(points, np.float32)[..., 0], np.asarray(points, np.float32)[..., 1]
    turned: dict[int, Sequence[NDArray[np.float32]]] = {
        90: (height - y, x),
        180: (width - x, height - y),
        270: (y, width - x),
    }
    return np.stack(turned[degrees % 360], axis=-1)
