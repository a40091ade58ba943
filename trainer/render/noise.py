"""Noise made once and cut at random: drawing a hundred thousand normals for a sample costs more than the sample."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render.draws import chance, whole

Rng = np.random.Generator
Field = NDArray[np.float32]

HEIGHT, WIDTH = 768, 2304


@cache
def _white() -> Field:
    return np.random.default_rng(11).standard_normal((HEIGHT, WIDTH), dtype=np.float32)


@cache
def _smooth(period: int) -> Field:
    """Zero mean, unit deviation, wandering over about `period` pixels."""
    coarse = np.random.default_rng(period).standard_normal(
        (HEIGHT // period + 4, WIDTH // period + 4), dtype=np.float32
    )
    field = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def _cut(field: Field, rng: Rng, height: int, width: int) -> Field:
    if height > HEIGHT or width > WIDTH:
        field = np.tile(field, (-(-height // HEIGHT), -(-width // WIDTH)))
    y, x = whole(rng, 0, field.shape[0] - height), whole(rng, 0, field.shape[1] - width)
    cut = field[y : y + height, x : x + width]
    if chance(rng, 0.5):
        cut = cut[:, ::-1]
    return cut


def white(rng: Rng, height: int, width: int) -> Field:
    """[height, width] independent normals: a view, not to be written to."""
    return _cut(_white(), rng, height, width)


def smooth(rng: Rng, height: int, width: int, period: int) -> Field:
    """[height, width] of unit deviation, wandering over about `period` pixels, a power of two up to 256: a view."""
    return _cut(_smooth(period), rng, height, width)


def film(rng: Rng, height: int, width: int) -> Field:
    """Grain of two sizes as film and cheap sensors have it, of about unit deviation."""
    return np.asarray(0.6 * white(rng, height, width) + 0.8 * smooth(rng, height, width, 2), np.float32)


def warm_up() -> None:
    """Makes every field, so that forked workers share them."""
    _white()
    for power in range(1, 9):
        _smooth(2**power)
