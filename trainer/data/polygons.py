"""Outlines of any shape: their length, and the offsets that DB's targets are made of. In pixels, P×2 (x, y)."""

from __future__ import annotations

import numpy as np
import pyclipper
from numpy.typing import NDArray

from ocr_core.geometry import Points


def perimeter(points: NDArray[np.generic]) -> float:
    """Return the length of the closed outline in pixels."""
    edges = np.roll(points, -1, axis=0) - np.asarray(points, np.float64)
    return float(np.hypot(edges[:, 0], edges[:, 1]).sum())


def offset_polygon(points: NDArray[np.generic], distance: float) -> list[Points]:
    """Return the polygons of the Vatti offset with round joins: outwards for positive `distance`, else inwards.

    Coordinates come back as integers, as the clipping library computes them; an inset may vanish or fall apart.
    """
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(np.asarray(points).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return [np.asarray(path, np.float32) for path in offset.Execute(distance)]
