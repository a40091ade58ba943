"""RecAug: what PP-OCRv2 does to real line crops (facts 6.3). Images are H×W×3 uint8; the size is kept or shrinks."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.preprocess import Pixels
from trainer.render.draws import between, chance, pick, whole

Rng = np.random.Generator
Plane = NDArray[np.complex128]
"""Points x + iy: a similarity of the plane is then one complex number to multiply with and one to add."""

LEAST_SIDE = 20
"""Images smaller than this are not bent or cut."""
GRID = 16
"""Pixels between the places at which a warp is computed; between them it is interpolated."""


def augment_line(pixels: Pixels, rng: Rng, probability: float) -> Pixels:
    """Bend, cut, blur, shade and invert a line, each with the given probability.

    One gate stands before the three warps, as in the later releases: two warps on one line leave too little of it. The
    noise and the shading are those of the paper's code at a strength that shows (its own is below one grey level).
    """
    large = min(pixels.shape[:2]) >= LEAST_SIDE
    if large and chance(rng, probability):
        pixels = pick(rng, _WARPS)(pixels, rng)
    if large and chance(rng, probability):
        pixels = _cut(pixels, rng)
    for change in (_blur, _shade, _noise, _invert):
        if chance(rng, probability if change is not _invert else probability / 4):
            pixels = change(pixels, rng)
    return pixels


def warp(pixels: Pixels, source: Plane, target: Plane) -> Pixels:
    """Move the content at `source` [n] to `target` [n], the rest by moving least squares (Schaefer et al. 2006).

    Each place moves by the similarity that fits the control points best, weighted by 1 / distance².
    """
    height, width = pixels.shape[:2]
    rows, columns = max(2, -(-height // GRID) + 1), max(2, -(-width // GRID) + 1)
    x, y = np.meshgrid(np.linspace(0, width - 1, columns), np.linspace(0, height - 1, rows))
    places = (x + 1j * y).reshape(-1, 1)
    weights = 1.0 / np.maximum(np.abs(target - places) ** 2, 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    from_centre, to_centre = (weights @ target)[:, None], (weights @ source)[:, None]
    spread = target - from_centre
    turn = (weights * spread.conj() * (source - to_centre)).sum(axis=1) / (weights * np.abs(spread) ** 2).sum(axis=1)
    moved = ((places - from_centre)[:, 0] * turn + to_centre[:, 0]).reshape(rows, columns)
    full = _between(height, rows) @ moved @ _between(width, columns).T
    maps = [np.asarray(part, np.float32) for part in (full.real, full.imag)]
    return np.asarray(cv2.remap(pixels, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _between(size: int, points: int) -> NDArray[np.float64]:
    """Return the matrix size×points that interpolates linearly between points spread over all pixels."""
    at = np.linspace(0, points - 1, size)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(points)))


def _distort(pixels: Pixels, rng: Rng) -> Pixels:
    """Corners move inwards; points along the upper and lower edge move in any direction."""
    height, width = pixels.shape[:2]
    reach = max(1, width // whole(rng, 3, 6) // 3)
    reach = min(reach, height // 3)
    source, ends = _edge_points(width, height, rng)
    inwards = rng.random(len(source)) * reach
    anyhow = (rng.random(len(source)) - 0.5) * reach + 1j * (rng.random(len(source)) - 0.5) * reach
    towards = np.sign(width / 2 - source.real) + 1j * np.sign(height / 2 - source.imag)
    return warp(pixels, source, source + np.where(ends, inwards * towards, anyhow))


def _stretch(pixels: Pixels, rng: Rng) -> Pixels:
    """Pairs of points on the upper and lower edge move sideways together; the corners stay."""
    height, width = pixels.shape[:2]
    source, ends = _edge_points(width, height, rng)
    reach = width / (len(source) // 2 - 1) * 0.8
    shifts = np.tile((rng.random(len(source) // 2) - 0.5) * reach, 2)
    return warp(pixels, source, source + np.where(ends, 0, shifts))


def _perspective(pixels: Pixels, rng: Rng) -> Pixels:
    """Each corner moves inwards by up to half the height, up or down."""
    height, width = pixels.shape[:2]
    corners = np.array([0, width - 1, width - 1 + 1j * (height - 1), 1j * (height - 1)])
    shifts = rng.random(4) * (height // 2) * np.array([1j, 1j, -1j, -1j])
    return warp(pixels, corners, corners + shifts * 0.6)


def _edge_points(width: int, height: int, rng: Rng) -> tuple[Plane, NDArray[np.bool_]]:
    """Return points on the upper, then the lower edge, and which of them are corners."""
    x = np.linspace(0, width - 1, whole(rng, 3, 6) + 1)
    ends = np.zeros(len(x), bool)
    ends[[0, -1]] = True
    return np.concatenate([x + 0j, x + 1j * (height - 1)]), np.tile(ends, 2)


def _cut(pixels: Pixels, rng: Rng) -> Pixels:
    """Take away up to an eighth of the rows at the top or at the bottom."""
    rows = whole(rng, 1, max(1, pixels.shape[0] // 8))
    return pixels[rows:] if chance(rng, 0.5) else pixels[:-rows]


def _blur(pixels: Pixels, rng: Rng) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (5, 5), between(rng, 0.5, 1.2)), np.uint8)


def _shade(pixels: Pixels, rng: Rng) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=between(rng, 0.6, 1.2), beta=between(rng, -20, 20)), np.uint8)


def _noise(pixels: Pixels, rng: Rng) -> Pixels:
    grain = rng.standard_normal(pixels.shape[:2], np.float32)[:, :, None] * np.float32(between(rng, 1, 8))
    return np.asarray((pixels + grain).clip(0, 255), np.uint8)


def _invert(pixels: Pixels, rng: Rng) -> Pixels:  # noqa: ARG001
    return np.asarray(255 - pixels, np.uint8)


_WARPS: tuple[Callable[[Pixels, Rng], Pixels], ...] = (_distort, _stretch, _perspective)
