"""What happens to print before a service sees it. Images are [H, W] or [H, W, 3], uint8, unless said otherwise."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import noise
from trainer.render.draws import between, chance, pick, rather_low, whole

Rng = np.random.Generator
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16


def blur(rng: Rng, image: NDArray[Any], strength: float) -> NDArray[Any]:
    """Out of focus, shaken or softened by `strength` pixels (a standard deviation)."""
    form = rng.random()
    if form < 0.55 or strength < 0.4:
        return cv2.GaussianBlur(image, (0, 0), max(strength, 0.25))
    if form < 0.75:
        size = 1 + 2 * max(1, round(strength * 1.3))
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(np.float32)
        return cv2.filter2D(image, -1, disk / disk.sum(), borderType=cv2.BORDER_REPLICATE)
    return motion_blur(image, strength * 3, between(rng, 0, np.pi))


def motion_blur(image: NDArray[Any], length: float, angle: float) -> NDArray[Any]:
    """Smears over `length` pixels in the direction of `angle` radians."""
    size = 1 + 2 * max(1, round(length / 2))
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    ends = [tuple(round(middle + sign * step) for step in reach.tolist()) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def low_resolution(rng: Rng, image: NDArray[Any], factor: float) -> NDArray[Any]:
    """Down by `factor` < 1 and up again, each with an interpolation drawn."""
    height, width = image.shape[:2]
    small = (max(4, round(width * factor)), max(4, round(height * factor)))
    down = pick(rng, (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST))
    up = pick(rng, (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_CUBIC))
    return cv2.resize(cv2.resize(image, small, interpolation=down), (width, height), interpolation=up)


def jpeg(image: Image, quality: int) -> Image:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)


def add_noise(rng: Rng, image: Floats, sigma: float) -> None:
    """Adds sensor noise, film grain or, in colour, chroma noise of deviation `sigma` to float `image` in place."""
    height, width = image.shape[:2]
    grain = noise.film if chance(rng, 0.4) else noise.white
    if image.ndim == 2:
        image += grain(rng, height, width) * np.float32(sigma)
    elif chance(rng, 0.5):
        image += cv2.merge((grain(rng, height, width) * np.float32(sigma),) * 3)
    else:
        image += grain(rng, height, 3 * width).reshape(height, width, 3) * np.float32(sigma)


def salt(rng: Rng, image: Floats, amount: float) -> None:
    """Specks: a share `amount` of the pixels of float `image` goes dark or light, in place."""
    height, width = image.shape[:2]
    level = 3.3 - 14 * min(amount, 0.1)
    field = noise.white(rng, height, width)
    if chance(rng, 0.4):
        field = cv2.GaussianBlur(field, (0, 0), 0.7) * np.float32(2.2)
    image[field > level] = between(rng, 0, 60)
    if chance(rng, 0.5):
        image[field < -level] = between(rng, 200, 255)


def shade(rng: Rng, height: int, width: int, depth: float) -> Floats:
    """Light [H, W] from 1 - depth to 1: a gradient, a lamp, a soft-edged shadow, or clouds."""
    form = whole(rng, 0, 3)
    if form == 3:
        field = noise.smooth(rng, height, width, 64 if height < 128 else 256)
        return np.asarray(np.clip(1 - depth * (0.4 + 0.3 * field), 0.1, 1.1), np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    angle = between(rng, 0, 2 * np.pi)
    ramp = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    if form == 0:
        return np.asarray(1 - depth * (ramp * np.float32(0.35) + np.float32(0.5)), np.float32)
    if form == 1:
        cx, cy = between(rng, -1, 1), between(rng, -1, 1)
        return np.asarray(1 - np.minimum(depth * ((x - cx) ** 2 + (y - cy) ** 2) / 4, 0.85), np.float32)
    edge = (ramp - np.float32(between(rng, -0.8, 0.8))) * np.float32(between(rng, 1.5, 40))
    return np.asarray(1 - depth / (1 + np.exp(np.clip(edge, -20, 20))), np.float32)


def wear(rng: Rng, ink: Floats, strength: float) -> None:
    """Thins `ink` (coverage 0..1) in place: fading patches, thermal-head streaks, missing dots."""
    height, width = ink.shape
    form = rng.random()
    if form < 0.4:
        patches = noise.smooth(rng, height, width, pick(rng, (8, 16, 32, 64)))
        ink *= np.clip(1 - strength * (0.5 + 0.6 * patches), 0.2, 1)
    elif form < 0.65:
        streaks = noise.white(rng, height, 1) if chance(rng, 0.65) else noise.white(rng, 1, width)
        ink *= np.clip(1.15 - strength * (0.6 + 0.7 * streaks), 0.1, 1)
    elif form < 0.9:
        ink *= np.clip(1.6 - strength * (1.0 + 1.1 * noise.smooth(rng, height, width, 2)), 0, 1)
    else:
        ink *= np.float32(1 - 0.6 * strength)


def bilevel(rng: Rng, grey: Floats, text_height: float, *, shaded: bool = False) -> Image:
    """Black and white as a fax or an archive's scanner makes it of float `grey`; `shaded` dithers the paper.

    The threshold lies between the darkest and the brightest of the image, or, as better scanners have it, a little
    below the mean of the surroundings where that is brighter: pale print on paper with black edges stays.
    """
    height, width = grey.shape
    low, high = float(grey.min()), float(grey.max())
    span = max(high - low, 1.0)
    if shaded:
        tile = np.tile(_BAYER, (-(-height // 4), -(-width // 4)))[:height, :width]
        return np.where(grey > low + span * (0.4 + 0.75 * tile), np.uint8(255), np.uint8(0))
    size = max(5, round(1.5 * text_height))
    around = cv2.blur(grey, (size, size), borderType=cv2.BORDER_REPLICATE) - np.float32(span * between(rng, 0.1, 0.2))
    level = np.maximum(around, low + span * np.float32(between(rng, 0.4, 0.68)))
    rough = noise.smooth(rng, height, width, 2) if chance(rng, 0.6) else noise.smooth(rng, height, width, 4)
    edges = grey + rough * np.float32(span * rather_low(rng, 0, 0.07))
    return np.where(edges > level, np.uint8(255), np.uint8(0))


def to_bytes(image: Floats) -> Image:
    """Floats of 0..255, and beyond, as bytes."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(image, 0)), np.uint8)
