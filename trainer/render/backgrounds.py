"""Surfaces that text stands on: float32 images [H, W, 3] BGR (or [H, W] grey) of 0..255."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import noise
from trainer.render.draws import between, chance, pick, whole

Rng = np.random.Generator
Floats = NDArray[np.float32]
Colour = NDArray[np.float32]
Surfaces = Sequence[NDArray[np.uint8]]
"""Pictures [H, W, 3] BGR, of any size, that grounds are cut out of."""

TEXTURES, TEXTURE_SIZE = 24, 512


def colour(rng: Rng, *, value: tuple[float, float], saturation: tuple[float, float]) -> Colour:
    """A BGR colour of any hue with HSV value and saturation in the given ranges of 0..1."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), between(rng, *saturation), between(rng, *value))
    return np.array((blue * 255, green * 255, red * 255), np.float32)


def tint(rng: Rng, level: float) -> Colour:
    """Near-grey paper of about `level` under warm, cold or greenish light."""
    warmth, green = between(rng, -1, 1.4), between(rng, -0.4, 0.4)
    gains = np.array([1 - 0.14 * warmth, 1 + 0.05 * green, 1 + 0.07 * warmth], np.float32)
    return np.asarray(np.minimum(np.float32(level) * gains, 255))


def luminance(bgr: Colour) -> float:
    """Brightness of a colour as grey, 0..255."""
    return float(0.114 * bgr[0] + 0.587 * bgr[1] + 0.299 * bgr[2])


def paper(rng: Rng, height: int, width: int, level: float, roughness: float) -> Floats:
    """Grey paper [H, W] about `level`: fibres and clouds with deviations up to `roughness`."""
    sheet = noise.smooth(rng, height, width, pick(rng, (4, 8, 64))) * np.float32(roughness * 0.7)
    if chance(rng, 0.5):
        sheet = sheet + noise.smooth(rng, height, width, 2) * np.float32(roughness * 0.6)
    return np.asarray(sheet + np.float32(level), np.float32)


@cache
def _textures() -> tuple[NDArray[np.uint8], ...]:
    """Stand-ins for photographs, made once from a fixed seed: walls, planks, tiles, foliage, stripes, shapes."""
    rng = np.random.default_rng(5)
    return tuple(_texture(rng, kind % 6) for kind in range(TEXTURES))


def _texture(rng: Rng, kind: int) -> NDArray[np.uint8]:
    size = TEXTURE_SIZE
    base = colour(rng, value=(0.2, 0.95), saturation=(0.0, 0.4))
    other = colour(rng, value=(0.1, 0.95), saturation=(0.0, 0.5))
    field: Floats = np.zeros((size, size), np.float32)
    for power in range(2, 8):
        field = field + noise.smooth(rng, size, size, 2**power) * np.float32(0.12 * power)
    if kind == 1:
        grain = cv2.resize(noise.white(rng, 8, size), (size, size), interpolation=cv2.INTER_CUBIC)
        field = np.asarray(grain + field * 0.3, np.float32)
    elif kind == 2:
        period = whole(rng, 24, 90)
        lines: Floats = (np.arange(size) % period < 3).astype(np.float32)
        grid = np.maximum(lines[:, None], np.roll(lines, period // 2)[None, :])
        field = np.asarray(field * 0.4 + grid * 2.5, np.float32)
    elif kind == 3:
        field = np.sign(field) * np.sqrt(np.abs(field)) + noise.smooth(rng, size, size, 4)
    elif kind == 4:
        wave = np.sin(np.arange(size, dtype=np.float32) / between(rng, 3, 25))
        field = field * np.float32(0.3) + (wave[:, None] if chance(rng, 0.5) else wave[None, :])
    image = base + (other - base) * np.clip(0.5 + 0.35 * field, 0, 1)[..., None]
    if kind == 5:
        image = _shapes(rng, image)
    return np.asarray(np.clip(image + 4 * noise.film(rng, size, size)[..., None], 0, 255), np.uint8)


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


def photo_like(rng: Rng, height: int, width: int, surfaces: Surfaces | None = None) -> Floats:
    """Up to four cuts of surfaces beside and before each other, as walls, sky and street are, [H, W, 3].

    Two of three are of `surfaces` where there are any, the others of made textures.
    """
    surfaces = surfaces if surfaces and chance(rng, 0.67) else _textures()
    image = _cut(rng, height, width, surfaces)
    for _ in range(whole(rng, 0, 3) if min(height, width) > 100 else 0):
        y0, x0 = whole(rng, 0, height - 40), whole(rng, 0, width - 40)
        y1 = height if chance(rng, 0.5) else whole(rng, y0 + 20, height)
        x1 = width if chance(rng, 0.5) else whole(rng, x0 + 20, width)
        image[y0:y1, x0:x1] = _cut(rng, y1 - y0, x1 - x0, surfaces)
    return image


def _cut(rng: Rng, height: int, width: int, surfaces: Surfaces) -> Floats:
    """A cut of one surface at a random zoom and contrast."""
    texture = pick(rng, surfaces)
    tall, wide = texture.shape[:2]
    zoom = between(rng, 0.5, 3.0)
    h, w = min(tall, max(8, round(height / zoom))), min(wide, max(8, round(width / zoom)))
    y, x = whole(rng, 0, tall - h), whole(rng, 0, wide - w)
    cut = texture[y : y + h, x : x + w]
    if chance(rng, 0.5):
        cut = cut[:, ::-1]
    image = cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    if chance(rng, 0.5):
        image = image[..., ::-1]
    middle = np.float32(image.mean())
    gain = np.float32(between(rng, 0.3, 1.3))
    image = image * gain + middle * (np.float32(between(rng, 0.6, 1.2)) - gain)
    return np.ascontiguousarray(image)


def flat(rng: Rng, height: int, width: int, base: Colour, depth: float = 0.25) -> Floats:
    """`base` with a gradient of up to `depth` of it, [H, W, 3]."""
    row = np.tile(base, width)
    down = np.ones(height, np.float32)
    if chance(rng, 0.6):
        depth = between(rng, -depth, depth)
        ramp = np.linspace(1 - depth, 1 + depth, width if chance(rng, 0.6) else height, dtype=np.float32)
        if ramp.size == width:
            row *= np.repeat(ramp, 3)
        else:
            down = ramp
    return np.outer(down, row).reshape(height, width, 3)


def lay(ground: Floats, coverage: Floats, colour: Colour) -> None:
    """Paints `colour` [3] on `ground` [H, W, 3] in place where `coverage` [H, W] of 0..1 says so."""
    height, width = coverage.shape
    # Rows of 3 W numbers: numpy is several times slower where the innermost axis has three.
    flat_ground = ground.reshape(height, 3 * width)
    flat_ground += (np.tile(colour, width) - flat_ground) * in_three(coverage).reshape(height, 3 * width)


def in_three(plane: Floats) -> Floats:
    """[H, W] as [H, W, 3]."""
    return np.asarray(cv2.merge((plane, plane, plane)), np.float32)


def warm_up() -> None:
    """Makes the textures, so that forked workers share them."""
    _textures()
