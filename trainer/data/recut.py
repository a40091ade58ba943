"""Words cut anew from their photograph each time they are shown: a detector's boxes never fit twice alike."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points, quad_size
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import cut_line
from trainer.data.crops import Crop
from trainer.render.draws import between, chance, whole

Rng = np.random.Generator
MARGIN = 0.6
"""Surroundings that are kept of a line, in its heights."""
LARGEST = 96
"""Pixels of height that a kept line has at most."""
UPRIGHT = 0.4
"""Share of cuts along the box parallel to the image's edges, as IIIT5K and SVT were cut."""
TURNED = 8.0
"""Degrees by which half of the others are turned at most; long lines less, so that their ends stay in the cut."""
SLACK = (-0.04, 0.16)
"""Space that a cut leaves on each side, in heights."""
OFF = 0.06
"""Standard deviation of each corner from where it belongs, in heights."""
SOFTENED = 0.25
"""Share of cuts that lose resolution, and of those that the camera moved in."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A line with its surroundings, compressed, and its outline in them."""

    surroundings: Crop
    quad: Points
    """4×2, clockwise from the text's top left, in pixels of the surroundings."""

    @property
    def text(self) -> str:
        """What is written."""
        return self.surroundings.text


def take_patch(pixels: Pixels, quad: Points, text: str, place: str) -> Patch:
    """Return what a photograph (H×W×3, BGR) shows of a line and around it, no larger than the line needs."""
    height = max(2.0, min(quad_size(quad)))
    low = np.floor(quad.min(axis=0) - MARGIN * height).astype(int).clip(0)
    high = np.ceil(quad.max(axis=0) + MARGIN * height).astype(int).clip(low + 2, (pixels.shape[1], pixels.shape[0]))
    part, scale = pixels[low[1] : high[1], low[0] : high[0]], min(1.0, LARGEST / height)
    if scale < 1:
        part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    ratio = np.array([part.shape[1], part.shape[0]]) / (high - low)
    return Patch(Crop.of(part, text, place), np.asarray((quad - low) * ratio, np.float32))


def recut(patch: Patch, height: int, rng: Rng) -> Pixels:
    """Return the line as another detector, or a person, would have cut it: `height`×w×3, BGR."""
    pixels, quad = patch.surroundings.pixels, patch.quad
    if chance(rng, UPRIGHT):
        (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
        quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    elif chance(rng, 0.5):
        quad = _turned(quad, between(rng, -1, 1) * _most_turned(quad))
    tall = min(quad_size(quad))
    quad = _loosened(quad, [between(rng, *SLACK) * tall for _ in range(4)])
    quad = quad + rng.standard_normal((4, 2)).astype(np.float32) * np.float32(OFF * tall)
    line = cut_line(pixels, np.asarray(quad, np.float32), height)
    return soften(line, rng)


def soften(line: Pixels, rng: Rng) -> Pixels:
    """Return a line (H×W×3) at a lower resolution, or blurred by motion, or as it is."""
    height, width = line.shape[:2]
    if chance(rng, SOFTENED):
        rows = whole(rng, 9, max(10, height // 2))
        small = cv2.resize(line, (max(2, width * rows // height), rows), interpolation=cv2.INTER_AREA)
        line = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if chance(rng, SOFTENED):
        line = np.asarray(cv2.filter2D(line, -1, _motion(rng, height), borderType=cv2.BORDER_REPLICATE), np.uint8)
    return line


def _motion(rng: Rng, height: int) -> NDArray[np.float32]:
    """Return the kernel of a camera that moved by up to a seventh of the line's height, in any direction."""
    length = whole(rng, 3, max(3, height // 7)) | 1
    kernel = np.zeros((length, length), np.float32)
    angle, half = between(rng, 0, np.pi), length // 2
    reach = round(half * float(np.cos(angle))), round(half * float(np.sin(angle)))
    cv2.line(kernel, (half - reach[0], half - reach[1]), (half + reach[0], half + reach[1]), 1.0)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _most_turned(quad: Points) -> float:
    """Return the angle, in radians, by which a cut of this shape may be turned: its ends move by a quarter height."""
    width, height = quad_size(quad)
    return float(min(np.deg2rad(TURNED), np.arctan2(0.5 * height, max(width, 1.0))))


def _turned(quad: Points, angle: float) -> Points:
    cos, sin = np.cos(angle), np.sin(angle)
    centre = quad.mean(axis=0)
    return np.asarray((quad - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre, np.float32)


def _loosened(quad: Points, slack: list[float]) -> Points:
    """Move the left, upper, right and lower edge outwards by `slack` pixels along the line's own axes."""
    left, top, right, bottom = slack
    along, down = quad[1] - quad[0], quad[3] - quad[0]
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    sides = ((-left, -top), (right, -top), (right, bottom), (-left, bottom))
    return np.asarray(quad + np.array([x * along + y * down for x, y in sides]), np.float32)
