"""From ink coverage to an image: ground, ink and effects (`paint`), then what optics and storage do (`finish`)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import backgrounds, degrade
from trainer.render.domains import Domain
from trainer.render.draws import between, chance, rather_low, whole

Rng = np.random.Generator
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


def paint(
    rng: Rng,
    world: Domain,
    coverage: Floats,
    *,
    bilevel: bool = False,
    surfaces: backgrounds.Surfaces | None = None,
) -> Floats:
    """Puts ink of `coverage` [H, W] on a ground: float32 [H, W], or [H, W, 3] where the world has colours.

    Ink that is to be scanned as black or white wears less, for what is pale would be gone. `surfaces` are those of
    photographs; without, made ones stand in for them.
    """
    ink = _spread(rng, world, coverage)
    if chance(rng, world.wear):
        degrade.wear(rng, ink, rather_low(rng, 0.1, 0.35 if bilevel else 0.7))
    if not bilevel and chance(rng, world.coloured):
        return _in_colour(rng, world, ink, surfaces)
    height, width = ink.shape
    level, dark = _levels(rng, world)
    ground = backgrounds.paper(rng, height, width, level, world.roughness * rng.random())
    if chance(rng, 0.04):
        ground -= np.float32(between(rng, 5, 30)) * np.roll(ink, height // 2, axis=0)[:, ::-1]
    return np.asarray(ground + (np.float32(dark) - ground) * ink, np.float32)


def finish(rng: Rng, world: Domain, image: Floats, *, bilevel: bool = False, text_height: float | None = None) -> Image:
    """Light, blur, resolution, noise, thresholding and compression; uint8 [H, W, 3] BGR.

    Blur and resolution go by `text_height`, in pixels: the image's own height where it is a line.
    """
    height, width = image.shape[:2]
    text_height = text_height or float(height)
    if not bilevel and chance(rng, world.shade):
        light = degrade.shade(rng, height, width, rather_low(rng, 0.05, 0.6))
        image *= light if image.ndim == 2 else backgrounds.in_three(light)
    strength = rather_low(rng, *world.blur) * text_height / 32
    if strength > 0.15:
        image = degrade.blur(rng, image, strength)
    if chance(rng, world.low_resolution):
        image = degrade.low_resolution(rng, image, max(between(rng, 0.5, 0.95), min(11 / text_height, 1)))
    sigma = rather_low(rng, *world.noise)
    if sigma > 0.5 and not bilevel:
        span = float(image[::3, ::3].max() - image[::3, ::3].min())
        degrade.add_noise(rng, image, min(sigma, 0.1 * span))
    if chance(rng, world.salt):
        degrade.salt(rng, image, between(rng, 0, 0.06))
    result = _scan(rng, image, text_height) if bilevel else degrade.to_bytes(image)
    if chance(rng, world.jpeg):
        result = degrade.jpeg(result, int(between(rng, *world.quality)))
    return result if result.ndim == 3 else np.asarray(cv2.cvtColor(result, cv2.COLOR_GRAY2BGR), np.uint8)


def _spread(rng: Rng, world: Domain, coverage: Floats) -> Floats:
    """Ink that spreads into the paper or holds back from the edges of its strokes."""
    low, high = world.weight
    gain = between(rng, low, high)
    if high <= 1.0:
        return coverage
    soft = cv2.GaussianBlur(coverage, (0, 0), between(rng, 0.3, 0.9) * coverage.shape[0] / 32)
    return np.asarray(np.minimum(soft * np.float32(gain), 1), np.float32)


def _levels(rng: Rng, world: Domain) -> tuple[float, float]:
    """Brightness of ground, rather bright, and of ink, darker by the world's contrast at least."""
    low, high = world.level
    level = rather_low(rng, high, low)
    ink = min(between(rng, *world.ink), level - between(rng, *world.contrast))
    return (ink, level) if chance(rng, world.dark) else (level, max(ink, 0.0))


def _in_colour(rng: Rng, world: Domain, ink: Floats, surfaces: backgrounds.Surfaces | None) -> Floats:
    height, width = ink.shape
    level, dark = _levels(rng, world)
    if chance(rng, world.photo):
        ground = backgrounds.photo_like(rng, height, width, surfaces)
        ground += np.float32((level - float(ground.mean())) * between(rng, 0.5, 1.0))
    else:
        ground = backgrounds.flat(rng, height, width, _shaded(rng, world, level))
        ground += backgrounds.in_three(backgrounds.paper(rng, height, width, 0, world.roughness * rng.random()))
    colour = _shaded(rng, world, dark)
    if chance(rng, world.plate):
        _beyond_plate(rng, ground, colour, surfaces)
    if chance(rng, world.effects):
        _effect(rng, ground, ink, level)
    backgrounds.lay(ground, ink, colour)
    return ground


def _beyond_plate(rng: Rng, ground: Floats, colour: backgrounds.Colour, surfaces: backgrounds.Surfaces | None) -> None:
    """Ends the board that text stands on near one or two edges of the crop, often with a frame in the ink's colour."""
    height, width = ground.shape[:2]
    outside = backgrounds.photo_like(rng, height, width, surfaces)
    reach = max(1, round(height * between(rng, 0.03, 0.14)))
    frame = max(1, round(height * between(rng, 0.02, 0.07))) if chance(rng, 0.4) else 0
    for edge in {whole(rng, 0, 3), whole(rng, 0, 3)}:
        # A view of the ground with the edge in question on top.
        turned, beyond = np.rot90(ground, edge), np.rot90(outside, edge)
        turned[reach : reach + frame] = colour
        turned[:reach] = beyond[:reach]


def _shaded(rng: Rng, world: Domain, level: float) -> backgrounds.Colour:
    """Near grey on paper, any hue in the street and on screens, of luminance `level`."""
    if not chance(rng, world.vivid):
        return backgrounds.tint(rng, level)
    colour = backgrounds.colour(rng, value=(0.4, 1.0), saturation=(0.15, 1.0))
    colour = np.minimum(colour * np.float32(level / max(backgrounds.luminance(colour), 1)), 255)
    missing = level - backgrounds.luminance(colour)
    return np.asarray(np.clip(colour + np.float32(missing), 0, 255), np.float32)


def _effect(rng: Rng, ground: Floats, ink: Floats, level: float) -> None:
    """An outline, a cast shadow or a glow around the ink, painted on `ground` in place."""
    height = ink.shape[0]
    form = whole(rng, 0, 2)
    reach = max(1, round(height * between(rng, 0.03, 0.09)))
    if form == 0:
        halo: NDArray[Any] = cv2.dilate(ink, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    elif form == 1:
        shift = np.array([[1, 0, reach * (1 if chance(rng, 0.8) else -1)], [0, 1, reach]], np.float32)
        halo = cv2.warpAffine(ink, shift, ink.shape[::-1])
    else:
        halo = np.minimum(cv2.GaussianBlur(ink, (0, 0), reach * 1.5) * 1.5, 1)
    other = backgrounds.tint(rng, between(rng, 0, 60) if chance(rng, 0.5) else between(rng, 0.5, 1.5) * min(level, 170))
    backgrounds.lay(ground, np.asarray(halo * np.float32(between(rng, 0.4, 1.0)), np.float32), other)


def _scan(rng: Rng, grey: Floats, text_height: float) -> Image:
    """Black and white at one to two and a half times the resolution kept, so that grey edges remain.

    Small type is always scanned finer: letters of less than a dozen black and white pixels cannot be told apart.
    """
    height, width = grey.shape
    finer = min(max(between(rng, 1.0, 2.5), 19 / text_height), 72 / text_height, 1400 / height)
    if finer > 1.1:
        larger = cv2.resize(grey, (round(width * finer), round(height * finer)), interpolation=cv2.INTER_CUBIC)
        bits = degrade.bilevel(rng, np.asarray(larger, np.float32), text_height * finer, shaded=chance(rng, 0.05))
        return np.asarray(cv2.resize(bits, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return degrade.bilevel(rng, grey, text_height, shaded=chance(rng, 0.05))
