"""What lies on real pages and is no text: scribbles, punch holes, stamps, stains, scanners' edges, staples."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import backgrounds, noise
from trainer.render.draws import between, chance, pick, whole

Rng = np.random.Generator
Floats = NDArray[np.float32]


def litter(rng: Rng, ground: Floats) -> None:
    """Zero to five things on the sheet [H, W, 3], in place."""
    for _ in range(whole(rng, 0, 5)):
        pick(rng, (_scribble, _scribble, _tick, _hole, _edge, _stain, _ring, _smear))(rng, ground)


def _pen(rng: Rng) -> list[float]:
    """Black, blue or red ballpoint."""
    level = between(rng, 0, 90)
    colour = pick(rng, ((1, 1, 1), (1, 1, 1), (2.2, 0.8, 0.5), (0.6, 0.6, 2.2)))
    return [min(255.0, max(10.0, level) * share) for share in colour]


def _scribble(rng: Rng, ground: Floats) -> None:
    """A signature or a note that nobody could read: loops along a line."""
    height, width = ground.shape[:2]
    reach, tall = between(rng, 0.05, 0.3) * width, between(rng, 0.01, 0.05) * height
    steps = whole(rng, 20, 70)
    t = np.linspace(0, 1, steps)
    loops = between(rng, 3, 12) * 2 * np.pi
    x = between(rng, 0, 0.9) * width + reach * t + tall * 0.8 * np.sin(loops * t + rng.random() * 6)
    y = between(rng, 0.05, 0.95) * height + tall * np.cos(loops * t) * (0.4 + 0.8 * rng.random(steps))
    tilt = rng.normal(0, 0.15)
    points = np.stack([x, y + tilt * (x - x[0])], axis=1).round().astype(np.int32)
    cv2.polylines(ground, [points.reshape(-1, 1, 2)], False, _pen(rng), whole(rng, 1, 3), cv2.LINE_AA)


def _tick(rng: Rng, ground: Floats) -> None:
    """A tick, a cross, or a stroke."""
    height, width = ground.shape[:2]
    x, y, size = between(rng, 0, width), between(rng, 0, height), between(rng, 0.01, 0.04) * width
    shape = pick(rng, (((0, 0), (0.4, 0.6), (1.2, -0.8)), ((0, 0), (1, 1)), ((0, 1), (1, 0)), ((0, 0), (2.5, 0.2))))
    points = np.array([[x + dx * size, y + dy * size] for dx, dy in shape]).round().astype(np.int32)
    cv2.polylines(ground, [points.reshape(-1, 1, 2)], False, _pen(rng), whole(rng, 1, 3), cv2.LINE_AA)


def _ring(rng: Rng, ground: Floats) -> None:
    """A circle drawn by hand about something, or a cup's mark."""
    height, width = ground.shape[:2]
    centre = (whole(rng, 0, width), whole(rng, 0, height))
    axes = (max(3, int(width * between(rng, 0.02, 0.12))), max(3, int(width * between(rng, 0.01, 0.06))))
    cv2.ellipse(ground, centre, axes, rng.normal(0, 15), 0, 360, _pen(rng), whole(rng, 1, 2), cv2.LINE_AA)


def _hole(rng: Rng, ground: Floats) -> None:
    """Punch holes at a margin."""
    height, width = ground.shape[:2]
    x = int(width * (between(rng, 0.01, 0.08) if chance(rng, 0.7) else between(rng, 0.92, 0.99)))
    radius = max(2, int(width * between(rng, 0.006, 0.02)))
    shade = between(rng, 0, 120)
    for _ in range(whole(rng, 1, 3)):
        cv2.circle(ground, (x, whole(rng, 0, height)), radius, [shade] * 3, -1, cv2.LINE_AA)


def _edge(rng: Rng, ground: Floats) -> None:
    """The dark strip that a scanner leaves beside a sheet that does not fill it."""
    height, width = ground.shape[:2]
    depth = between(rng, 0.003, 0.03)
    along = noise.smooth(rng, 1, max(height, width), 64)[0] * np.float32(0.3) + 1
    shade = np.float32(between(rng, 0, 70))
    if chance(rng, 0.6):
        columns = np.arange(width)[None, :] if chance(rng, 0.5) else np.arange(width)[None, ::-1]
        ground[columns < (depth * width * along[:height])[:, None]] = shade
    else:
        rows = np.arange(height)[:, None] if chance(rng, 0.5) else np.arange(height)[::-1, None]
        ground[rows < (depth * height * along[:width])[None, :]] = shade


def _stain(rng: Rng, ground: Floats) -> None:
    """A soft patch, darker or tinted."""
    height, width = ground.shape[:2]
    h, w = int(height * between(rng, 0.05, 0.3)) + 4, int(width * between(rng, 0.05, 0.4)) + 4
    y, x = whole(rng, 0, max(height - h, 0)), whole(rng, 0, max(width - w, 0))
    there = ground[y : y + h, x : x + w]
    field = noise.smooth(rng, there.shape[0], there.shape[1], 32) > 0.3
    soft = cv2.GaussianBlur(field.astype(np.float32), (0, 0), 4) * np.float32(between(rng, 0.05, 0.3))
    colour = backgrounds.colour(rng, value=(0.3, 0.8), saturation=(0, 0.6))
    there += (colour - there) * soft[..., None]


def _smear(rng: Rng, ground: Floats) -> None:
    """A streak from top to bottom, as dirt on a scanner's glass or a dead thermal dot leaves it."""
    width = ground.shape[1]
    x, wide = whole(rng, 0, width - 2), whole(rng, 1, 3)
    target = np.float32(between(rng, 0, 255))
    there = ground[:, x : x + wide]
    there += (target - there) * np.float32(between(rng, 0.1, 0.7))
