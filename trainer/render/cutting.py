"""Cuts a line out of its surroundings as a detector's quad would: skewed, tight or loose, and scaled."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render.atlas import Mask
from trainer.render.domains import Domain
from trainer.render.draws import between, chance

Rng = np.random.Generator
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Setting:
    """A line in its surroundings: `canvas` [H, W] of ink coverage 0..255.

    `box` is the text's left, top, right, bottom; `x` [2, n] where characters start and end; `middle` the row half way
    up a small letter; `em` the size of the type; `height` the crop's wanted height; all in pixels.
    """

    canvas: Mask
    box: tuple[float, float, float, float]
    x: Floats
    middle: float
    em: float
    height: float


def cut(rng: Rng, world: Domain, setting: Setting) -> tuple[Floats, Floats]:
    """The crop's coverage [H, W] of 0..1, and the spans [n, 2] of the characters in it."""
    canvas = setting.canvas
    if chance(rng, world.curve):
        canvas = _bend(rng, canvas, setting.em)
    smaller = _halvings(setting)
    if smaller < 1:
        canvas = np.asarray(cv2.resize(canvas, None, fx=smaller, fy=smaller, interpolation=cv2.INTER_AREA), np.uint8)
    left, top, right, bottom = (edge * smaller for edge in setting.box)
    em, tall = setting.em * smaller, bottom - top
    low, high = world.margin
    top -= tall * between(rng, low, high)
    bottom += tall * between(rng, low, high)
    left -= 0.7 * em * between(rng, low, high + 0.1)
    right += 0.7 * em * between(rng, low, high + 0.1)
    height = max(8, min(round(setting.height * (bottom - top) / (tall * 1.15)), 64))
    width = max(6, round(height * (right - left) / (bottom - top) * between(rng, *world.stretch)))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    if chance(rng, world.skew):
        corners += _misses(rng, bottom - top, world.perspective)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners, target), np.float64)
    mask = cv2.warpPerspective(canvas, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return mask.astype(np.float32) * np.float32(1 / 255), _spans(setting, smaller, matrix, width)


def _halvings(setting: Setting) -> float:
    """1, 1/2 or 1/4: how far the canvas is averaged down first, for a warp alone would break thin strokes."""
    scale = setting.height / (1.15 * (setting.box[3] - setting.box[1]))
    return 1.0 if scale > 0.6 else 0.5 if scale > 0.3 else 0.25


def _misses(rng: Rng, tall: float, amount: float) -> Floats:
    """How far a detected quad's corners are off [4, 2]: a slant common to both ends, a shear, and each corner's own."""
    draws: Floats = rng.standard_normal(10, dtype=np.float32) * np.float32(amount * tall)
    slant, shear = draws[8] * np.float32(0.5), draws[9]
    common = np.array([[shear, slant], [shear, -slant], [-shear, -slant], [-shear, slant]], np.float32)
    return np.asarray(common + np.float32(0.6) * draws[:8].reshape(4, 2))


def _bend(rng: Rng, canvas: Mask, em: float) -> Mask:
    """The line on a flat arc, half as high as the type at most."""
    height, width = canvas.shape
    depth = between(rng, -0.45, 0.45) * min(em, width / 4)
    x = np.arange(width, dtype=np.float32)
    arc = depth * ((2 * x / width - 1) ** 2 - np.float32(0.4))
    rows = np.arange(height, dtype=np.float32)[:, None] + arc[None, :]
    return np.asarray(cv2.remap(canvas, np.broadcast_to(x, rows.shape).copy(), rows, cv2.INTER_LINEAR), np.uint8)


def _spans(setting: Setting, smaller: float, matrix: NDArray[np.float64], width: int) -> Floats:
    (a, b, c), _, (d, e, f) = matrix.tolist()
    x, y = setting.x.T * np.float32(smaller), setting.middle * smaller
    spans = (x * np.float32(a) + np.float32(b * y + c)) / (x * np.float32(d) + np.float32(e * y + f))
    return np.asarray(np.minimum(np.maximum(spans, 0), width), np.float32)
