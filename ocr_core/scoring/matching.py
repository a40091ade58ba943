"""Which labelled polygon was found by which read one. Arrays of shapely geometries; N labelled, M found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from ocr_core.scoring.datasets import Corners

Shapes = NDArray[np.object_]


def polygons(corners: Iterable[Corners]) -> Shapes:
    """Return corners as polygons, unchecked: they may be invalid."""
    return _array([Polygon(points) for points in corners])


def hulls(corners: Iterable[Corners]) -> Shapes:
    """Return the convex hulls of corners."""
    return _array([Polygon(points).convex_hull for points in corners])


def intersections(a: Shapes, b: Shapes) -> NDArray[np.float64]:
    """Return the areas that N shapes share with M shapes, N×M."""
    areas = np.zeros((len(a), len(b)))
    if areas.size:
        i, j = shapely.STRtree(b).query(a)  # pairs whose bounding boxes meet
        areas[i, j] = shapely.area(shapely.intersection(a[i], b[j]))
    return areas


def iou(a: Shapes, b: Shapes) -> NDArray[np.float64]:
    """Return the intersection over union of N shapes with M shapes, N×M."""
    shared = intersections(a, b)
    union = shapely.area(a)[:, None] + shapely.area(b)[None, :] - shared
    ratio: NDArray[np.float64] = shared / np.maximum(union, 1e-9)
    return ratio


def covered(found: Shapes, ignored: Shapes) -> NDArray[np.bool_]:
    """Return which of M found shapes lie with more than half of their area in one of the ignored shapes."""
    share = intersections(ignored, found) / np.maximum(shapely.area(found), 1e-9)
    inside: NDArray[np.bool_] = (share > 0.5).any(axis=0)
    return inside


def match(overlap: NDArray[np.float64], threshold: float = 0.5) -> list[tuple[int, int]]:
    """Pair rows with columns one to one, first come first served, where the overlap passes `threshold`.

    This is the protocol of ICDAR 2015: labels in their order, each takes the first free box that passes, not the best.
    """
    pairs: list[tuple[int, int]] = []
    free = np.ones(overlap.shape[1], dtype=bool)
    for i, row in enumerate(overlap > threshold):
        hits = np.flatnonzero(row & free)
        if hits.size:
            free[hits[0]] = False
            pairs.append((i, int(hits[0])))
    return pairs


def _array(shapes: Sequence[object]) -> Shapes:
    array = np.empty(len(shapes), dtype=object)
    array[:] = shapes
    return array
