"""Which way the lines of a page run, so that short pieces of text are set as they are.

The rectangle of least area around the core of a lone character lies at any angle: a "7" came out turned by its stem,
and reads as "1" so. How the long lines of the page lie says more about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points, quad_size

LONG = 3.0
"""Rectangles of at least so many heights tell a direction."""
SHORT = 2.0
"""Those of fewer have none of their own."""
FEWEST = 3
"""So many long lines make a page of lines; fewer may be signs in a photograph, each with a direction of its own."""
AGREEMENT = math.radians(4)
"""Lines that differ by less lie alike,"""
MOST = 0.8
"""and of the lengths of all so large a share does."""
HIGH = 1.6
"""A piece at most so many times as high as lines are is taken for one of them."""


@dataclass(frozen=True, slots=True)
class Direction:
    """How the lines of a page lie."""

    angle: float
    """In radians, from -π/4 to π/4: that of lines which run across, or of the width of those that run down."""
    height: float
    """Their median height."""

    @classmethod
    def of(cls, rectangles: Sequence[Points]) -> Direction | None:
        """Return the direction that most of the long rectangles (4×2 each) share; None if there is none."""
        sizes = [quad_size(quad) for quad in rectangles]
        long = [i for i, (width, height) in enumerate(sizes) if max(width, height) >= LONG * min(width, height)]
        if len(long) < FEWEST:
            return None
        angles = np.array([_angle(rectangles[i]) for i in long])
        lengths = np.array([max(sizes[i]) for i in long])
        order = np.argsort(angles)
        middle = float(angles[order][np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)])
        if lengths[np.abs(angles - middle) <= AGREEMENT].sum() < MOST * lengths.sum():
            return None
        return cls(middle, float(np.median([min(sizes[i]) for i in long])))

    def set_straight(self, rectangle: Points, points: NDArray[np.generic]) -> Points:
        """Return the rectangle (4×2) around `points` (n×2) that lies as the lines do, or theirs of least area.

        Args:
            rectangle: that of least area; it stays if it is long enough to tell its own direction, or too high.
            points: what it stands around.
        """
        width, height = quad_size(rectangle)
        if max(width, height) >= SHORT * min(width, height) or max(width, height) > HIGH * self.height:
            return rectangle
        axes = np.array([[math.cos(self.angle), -math.sin(self.angle)], [math.sin(self.angle), math.cos(self.angle)]])
        along = points.astype(np.float64) @ axes
        (left, top), (right, bottom) = along.min(axis=0), along.max(axis=0)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        return np.asarray(corners @ axes.T, np.float32)


def _angle(quad: Points) -> float:
    (x0, y0), (x1, y1) = quad[0].tolist(), quad[1].tolist()
    return math.atan2(y1 - y0, x1 - x0)
