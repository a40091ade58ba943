"""Pages with polygons, and how a view of one is cut out of it (facts 3.6 and 3.7)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points
from ocr_core.preprocess import Pixels
from trainer.config import DetectorData
from trainer.render.draws import between, chance, whole

Rng = np.random.Generator
Matrix = NDArray[np.float64]
"""3×3, from the pixels of one image to those of another."""
Extent = tuple[float, float]
"""Width and height in pixels."""
TRIES = 50
LEAST_CROP = 0.1
"""A crop is no narrower and no lower than this share of the page."""


@dataclass(frozen=True, slots=True, eq=False)
class PageSample:
    """A page: H×W×3 BGR pixels, its texts' outlines (each P×2), and which of them are unreadable."""

    pixels: Pixels
    polygons: tuple[Points, ...]
    texts: tuple[str, ...]
    ignore: tuple[bool, ...]
    teacher: NDArray[np.uint8] | None = None
    """H×W, a teacher's probabilities times 255, where they were computed before."""
    by_line: bool = True
    """Whether each outline holds a line; else a word."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.pixels.shape[:2]
        return width, height


def cut_view(page: PageSample, data: DetectorData, rng: Rng, pasted: int = 0) -> PageSample:
    """Mirror, turn and scale a page, and cut a square view of `data.size` pixels out of it.

    The steps are one affine map, so that pixels are interpolated once. What lies outside of the page is black. A window
    is laid as though the last `pasted` texts, none of them unreadable, were not there: runs with and without CopyPaste
    see the same places.
    """
    if data.quarter_turns and chance(rng, data.quarter_turns):
        page = quarter_turned(page, whole(rng, 1, 3))
    turned, canvas = _turn(page.size, data, rng)
    moved = [_apply(turned, polygon) for polygon in page.polygons]
    care = [polygon for polygon, skip in zip(moved, page.ignore, strict=True) if not skip]
    if data.crop == "east":
        matrix, extent = _cut_east(canvas, care, data.size, rng)
    else:
        matrix, extent = _cut_window(canvas, care[: len(care) - pasted], data.size, rng)
    return _warp(page, matrix @ turned, data.size, extent)


def quarter_turned(page: PageSample, turns: int) -> PageSample:
    """Return a page turned counter-clockwise by 90 degrees so many times; no pixel is interpolated."""
    matrix, (width, height) = np.eye(3), page.size
    for _ in range(turns):
        matrix = np.array([[0.0, 1, 0], [-1, 0, width], [0, 0, 1]]) @ matrix
        width, height = height, width
    return replace(
        page,
        pixels=np.ascontiguousarray(np.rot90(page.pixels, turns)),
        polygons=tuple(_apply(matrix, polygon) for polygon in page.polygons),
        teacher=None if page.teacher is None else np.ascontiguousarray(np.rot90(page.teacher, turns)),
    )


def _turn(size: tuple[int, int], data: DetectorData, rng: Rng) -> tuple[Matrix, Extent]:
    """Return the map that mirrors, turns and scales, and the width and height of its canvas."""
    width, height = size
    matrix = np.eye(3)
    if chance(rng, data.flip):
        matrix = np.array([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]])
    angle = np.deg2rad(between(rng, -data.rotate, data.rotate))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    centre = _shift(width / 2, height / 2) @ turn @ _shift(-width / 2, -height / 2)
    factor = between(rng, *data.scale)
    return _scale(factor) @ centre @ matrix, (width * factor, height * factor)


def _cut_east(canvas: Extent, care: list[Points], size: int, rng: Rng) -> tuple[Matrix, Extent]:
    """EAST's crop: cut where no line is cut, keep some text, scale the cut to fill the view's width or height.

    Returns the map, and the width and height of the cut in the view: beyond it the view is black.
    """
    width, height = canvas
    columns, rows = (_free(care, axis, length) for axis, length in ((0, width), (1, height)))
    window = (0.0, 0.0, width, height)
    for _ in range(TRIES if columns and rows else 0):
        left, right = _two(columns, rng)
        top, bottom = _two(rows, rng)
        if right - left < LEAST_CROP * width or bottom - top < LEAST_CROP * height:
            continue
        if any(_meets(polygon, (left, top, right, bottom)) for polygon in care):
            window = (left, top, right, bottom)
            break
    left, top, right, bottom = window
    factor = size / max(right - left, bottom - top)
    return _scale(factor) @ _shift(-left, -top), ((right - left) * factor, (bottom - top) * factor)


def _cut_window(canvas: Extent, care: list[Points], size: int, rng: Rng) -> tuple[Matrix, Extent]:
    """A window of the view's size, mostly over some text; a smaller page lies anywhere within it."""
    at = [0.0, 0.0]
    for _ in range(TRIES // 10):
        at = [between(rng, min(0.0, length - size), max(0.0, length - size)) for length in canvas]
        if any(_meets(polygon, (at[0], at[1], at[0] + size, at[1] + size)) for polygon in care):
            break
    return _shift(-at[0], -at[1]), (float(size), float(size))


def _free(care: list[Points], axis: int, length: float) -> list[tuple[int, int]]:
    """Return the runs [first, last] of columns (axis 0) or rows (axis 1) that no text's bounding box covers."""
    taken = np.zeros(max(1, round(length)), bool)
    for polygon in care:
        low, high = round(float(polygon[:, axis].min())), round(float(polygon[:, axis].max()))
        taken[max(low, 0) : max(high, 0)] = True
    edges = np.flatnonzero(np.diff(np.concatenate(([True], taken, [True])).astype(np.int8)))
    return [(int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _two(runs: list[tuple[int, int]], rng: Rng) -> tuple[float, float]:
    """Return two cuts in ascending order: in two different runs, if there are any."""
    if len(runs) > 1:
        first = whole(rng, 0, len(runs) - 1)
        other = (first + whole(rng, 1, len(runs) - 1)) % len(runs)
        cuts = [whole(rng, *runs[index]) for index in (first, other)]
    else:
        cuts = [whole(rng, *runs[0]) for _ in range(2)]
    return float(min(cuts)), float(max(cuts))


def _meets(polygon: Points, window: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = window
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    return bool(low[0] < right and high[0] > left and low[1] < bottom and high[1] > top)


def _warp(page: PageSample, matrix: Matrix, size: int, extent: Extent) -> PageSample:
    """Return the page seen through `matrix`, black beyond `extent`; text wholly outside of it is dropped."""
    polygons = [_apply(matrix, polygon) for polygon in page.polygons]
    kept = [i for i, polygon in enumerate(polygons) if _meets(polygon, (0, 0, *extent))]
    return replace(
        page,
        pixels=_warp_pixels(page.pixels, matrix, size, extent),
        polygons=tuple(polygons[i] for i in kept),
        texts=tuple(page.texts[i] for i in kept),
        ignore=tuple(page.ignore[i] for i in kept),
        teacher=None if page.teacher is None else _warp_pixels(page.teacher, matrix, size, extent),
    )


def _warp_pixels(pixels: NDArray[np.uint8], matrix: Matrix, size: int, extent: Extent) -> NDArray[np.uint8]:
    factor = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if factor < 0.6:
        # A warp samples single points; strokes survive a strong reduction only if they are averaged first.
        height, width = pixels.shape[:2]
        small = (max(1, round(width * factor)), max(1, round(height * factor)))
        pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix @ np.diag([width / small[0], height / small[1], 1.0])
    # Coordinates are those of pixel edges; OpenCV counts from the centres.
    centred = _shift(-0.5, -0.5) @ matrix @ _shift(0.5, 0.5)
    view = np.asarray(cv2.warpAffine(pixels, centred[:2], (size, size), flags=cv2.INTER_LINEAR), np.uint8)
    view[:, round(extent[0]) :] = 0
    view[round(extent[1]) :] = 0
    return view


def _apply(matrix: Matrix, points: Points) -> Points:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2], np.float32)


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def _scale(factor: float) -> Matrix:
    return np.diag([factor, factor, 1.0])
