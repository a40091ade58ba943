"""Surfaces that text stands on: float32 images [H, W, 3] BGR (or [H, W] grey) of 0..255."""

from __future__ import annotations

import colorsys
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import noise
from trainer.render.draws import between, chance, pick, whole

Rng = np.random.Generator
Floats = NDArray[np.float32]
Colour = NDArray[np.float32]

TEXTURES, TEXTURE_SIZE = 24, 512


def colour(rng: Rng, *, value: tuple[float, float], saturation: tuple[float, float]) -> Colour:
    """A BGR colour of any hue with HSV value and saturation in the given ranges of 0..1."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), between(rng, *saturation), between(rng, *value))
    return np.array([blue * 255, green * 255, red * 255], np.float32)


def tint(rng: Rng, level: float) -> Colour:
    """Near-grey paper of about `level` under warm, cold or greenish light."""
    warmth, green = between(rng, -1, 1.4), between(rng, -0.4, 0.4)
    gains = np.array([1 - 0.14 * warmth, 1 + 0.05 * green, 1 + 0.07 * warmth], np.float32)
    return np.minimum(level * gains, 255).astype(np.float32)


def luminance(bgr: Colour) -> float:
    return float(0.114 * bgr[0] + 0.587 * bgr[1] + 0.299 * bgr[2])


def paper(rng: Rng, height: int, width: int, level: float, roughness: float) -> Floats:
    """Grey paper [H, W] about `level`: fibres and clouds with deviations up to `roughness`."""
    sheet = noise.smooth(rng, height, width, pick(rng, (4, 8, 64))) * np.float32(roughness * 0.7)
    if chance(rng, 0.5):
        sheet = sheet + noise.smooth(rng, height, width, 2) * np.float32(roughness * 0.6)
    return np.asarray(sheet + np.float32(level), np.float32)


@cache
def _textures() -> tuple[NDArray[np.uint8], ...]:
    """Stand-ins for photographs, made once from a fixed seed: walls, planks, tiles, foliage, stripes, blurred shapes."""
    rng = np.random.default_rng(5)
    return tuple(_texture(rng, kind % 6) for kind in range(TEXTURES))


def _texture(rng: Rng, kind: int) -> NDArray[np.uint8]:
    size = TEXTURE_SIZE
    base = colour(rng, value=(0.25, 0.9), saturation=(0.0, 0.7))
    other = colour(rng, value=(0.15, 0.95), saturation=(0.0, 0.7))
    clouds = sum(noise.smooth(rng, size, size, 2**p) * np.float32(0.12 * p) for p in range(2, 8))
    field = np.asarray(clouds, np.float32)
    if kind == 1:
        field = cv2.resize(noise.white(rng, 8, size), (size, size), interpolation=cv2.INTER_CUBIC) + field * 0.3
    elif kind == 2:
        period = whole(rng, 24, 90)
        lines = (np.arange(size) % period < 3).astype(np.float32)
        field = field * 0.4 + 2.5 * np.maximum(lines[:, None], np.roll(lines, period // 2)[None, :])
    elif kind == 3:
        field = np.sign(field) * np.sqrt(np.abs(field)) + noise.smooth(rng, size, size, 4)
    elif kind == 4:
        wave = np.sin(np.arange(size, dtype=np.float32) / between(rng, 3, 25))
        field = field * 0.3 + (wave[:, None] if chance(rng, 0.5) else wave[None, :])
    image = base + (other - base) * np.clip(0.5 + 0.35 * field, 0, 1)[..., None]
    if kind == 5:
        image = _shapes(rng, image)
    return np.clip(image + 4 * noise.film(rng, size, size)[..., None], 0, 255).astype(np.uint8)


def _shapes(rng: Rng, image: Floats) -> Floats:
    canvas = np.ascontiguousarray(image)
    size = canvas.shape[0]
    for _ in range(40):
        shade = [float(channel) for channel in colour(rng, value=(0.1, 1.0), saturation=(0.0, 0.9))]
        x, y, reach = whole(rng, 0, size), whole(rng, 0, size), whole(rng, 8, 120)
        if chance(rng, 0.5):
            cv2.rectangle(canvas, (x, y), (x + reach, y + whole(rng, 8, 160)), shade, -1)
        else:
            points = np.array([[x + whole(rng, -reach, reach), y + whole(rng, -reach, reach)] for _ in range(4)])
            cv2.fillPoly(canvas, [points.astype(np.int32)], shade)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), between(rng, 0.8, 5)), np.float32)


def photo_like(rng: Rng, height: int, width: int) -> Floats:
    """A cut of a texture at a random zoom, turn and contrast, [H, W, 3]."""
    texture = pick(rng, _textures())
    zoom = between(rng, 0.5, 3.0)
    h, w = min(TEXTURE_SIZE, max(8, round(height / zoom))), min(TEXTURE_SIZE, max(8, round(width / zoom)))
    y, x = whole(rng, 0, TEXTURE_SIZE - h), whole(rng, 0, TEXTURE_SIZE - w)
    cut = texture[y : y + h, x : x + w]
    if chance(rng, 0.5):
        cut = cut[:, ::-1]
    image = cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    if chance(rng, 0.5):
        image = image[..., ::-1]
    middle = np.float32(image.mean())
    return np.asarray(
        (image - middle) * np.float32(between(rng, 0.3, 1.3)) + middle * np.float32(between(rng, 0.6, 1.2))
    )


def flat(rng: Rng, height: int, width: int, base: Colour) -> Floats:
    """`base` with a faint gradient, [H, W, 3]."""
    image = np.empty((height, width, 3), np.float32)
    image[:] = base
    if chance(rng, 0.6):
        depth = between(rng, -0.25, 0.25)
        ramp = np.linspace(1 - depth, 1 + depth, width if chance(rng, 0.6) else height, dtype=np.float32)
        image *= ramp[None, :, None] if ramp.size == width else ramp[:, None, None]
    return image


def warm_up() -> None:
    """Makes the textures, so that forked workers share them."""
    _textures()
