"""From a flat sheet to what a scanner or a camera sees of it, and where its quads end up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import backgrounds, degrade
from trainer.render.draws import between, chance, rather_low, whole

Rng = np.random.Generator
Floats = NDArray[np.float32]

CUT_SHARE = 0.9
"""A quad with less than this share of its area inside the image is clipped and ignored."""


@dataclass(frozen=True, slots=True)
class Camera:
    """`sheet` is the sheet's (height, width) in pixels, `matrix` the homography from it to the image."""

    size: int
    sheet: tuple[int, int]
    matrix: NDArray[np.float64]
    curl: float
    photo: bool

    @classmethod
    def draw(cls, rng: Rng, size: int, *, photo: bool, layout: str) -> Camera:
        """A camera or scanner for a sheet of the layout: the page as a whole, or a part of it."""
        wide, tall = size, size
        if layout == "receipt":
            wide = round(size * between(rng, 0.4, 0.95))
        elif layout not in ("street", "scatter"):
            wide = round(size * (between(rng, 1.05, 1.4) if chance(rng, 0.2) else between(rng, 0.8, 1.02)))
        tall = round(size * (between(rng, 0.7, 1.25) if photo else between(rng, 0.9, 1.2)))
        if layout in ("street", "scatter"):
            return cls(size, (size, size), np.eye(3), 0.0, photo)
        left = between(rng, 0, size - wide) if wide < size else between(rng, size - wide, 0)
        top = between(rng, 0, size - tall) if tall < size else between(rng, size - tall, 0)
        source = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32)
        target = source + np.array([left, top], np.float32)
        angle = rng.normal(0, 4.0 if photo else 0.8) if chance(rng, 0.8) else 0.0
        if photo and chance(rng, 0.06):
            angle += 90 * whole(rng, 1, 3)
        target = _turned(target, float(angle))
        if photo:
            target += rng.normal(0, 0.035 * size, (4, 2)).astype(np.float32)
        matrix = np.asarray(cv2.getPerspectiveTransform(source, target.astype(np.float32)), np.float64)
        curl = rather_low(rng, 0, 0.03) * size if photo and chance(rng, 0.4) else 0.0
        return cls(size, (tall, wide), matrix, curl, photo)

    def shoot(self, rng: Rng, ground: Floats, quads: Sequence[Floats]) -> tuple[Floats, Floats]:
        """The image [size, size, 3] of the sheet on a table or a scanner's lid, and its quads [L, 4, 2] there."""
        points = np.array(quads, np.float32).reshape(-1, 4, 2)
        if self.curl:
            ground, points = _curl(rng, ground, points, self.curl)
        if self.photo:
            around = backgrounds.photo_like(rng, self.size, self.size) * np.float32(between(rng, 0.4, 1.0))
        else:
            lid = between(rng, 0, 255) if chance(rng, 0.3) else float(ground[0].mean())
            around = np.full((self.size, self.size, 3), lid, np.float32)
        if not np.array_equal(self.matrix, np.eye(3)):
            flags = cv2.INTER_LINEAR
            cv2.warpPerspective(
                ground, self.matrix, (self.size, self.size), dst=around, flags=flags, borderMode=cv2.BORDER_TRANSPARENT
            )
            if len(points):
                points = np.asarray(cv2.perspectiveTransform(points.reshape(-1, 1, 2), self.matrix), np.float32)
        else:
            around = ground
        if self.photo:
            light = degrade.shade(rng, self.size, self.size, rather_low(rng, 0, 0.55))
            around *= backgrounds.in_three(light)
        return around, points.reshape(-1, 4, 2)


def clip_quads(quads: Floats, width: int, height: int) -> tuple[list[int], Floats, NDArray[np.bool_]]:
    """Which quads [L, 4, 2] lie in the image at all, those quads clipped to it, and which of them were cut."""
    limits = np.array((width, height), np.float32)
    kept, clipped, cut = [], [], []
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    for at, quad in enumerate(quads):
        if quad.min() >= 0 and (quad <= limits).all():
            kept.append(at)
            clipped.append(quad)
            cut.append(False)
            continue
        whole_area = max(float(cv2.contourArea(quad)), 1.0)
        inside, polygon = cv2.intersectConvexConvex(quad, frame)
        if inside < 4 or polygon is None:
            continue
        kept.append(at)
        cut.append(inside < CUT_SHARE * whole_area)
        inner = quad if not cut[-1] else _box_like(quad, np.asarray(polygon, np.float32))
        clipped.append(inner.clip(0, limits))
    return kept, np.array(clipped, np.float32).reshape(-1, 4, 2), np.array(cut, np.bool_)


def _box_like(quad: Floats, polygon: Floats) -> Floats:
    """The smallest rectangle about `polygon`, its corners in the order of `quad`'s."""
    box = cv2.boxPoints(cv2.minAreaRect(polygon))
    direction = quad[1] - quad[0]
    orders = [np.roll(box, turn, axis=0) for turn in range(4)]
    return np.asarray(max(orders, key=lambda order: float((order[1] - order[0]) @ direction)), np.float32)


def _turned(points: Floats, degrees: float) -> Floats:
    """Points turned about their middle."""
    middle = points.mean(axis=0)
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turn = np.array([[cosine, sine], [-sine, cosine]], np.float32)
    return np.asarray((points - middle) @ turn + middle, np.float32)


def _curl(rng: Rng, ground: Floats, points: Floats, depth: float) -> tuple[Floats, Floats]:
    """Rows displaced by a wave across the sheet: the image, and the boxes about the displaced quads."""
    height, width = ground.shape[:2]
    phase, waves = between(rng, 0, 2 * np.pi), between(rng, 0.4, 1.3)

    def shift(x: Floats) -> Floats:
        return np.asarray(depth * np.sin(2 * np.pi * waves * x / width + phase), np.float32)

    x = np.arange(width, dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None] + shift(x)[None, :]
    columns = np.ascontiguousarray(np.broadcast_to(x, rows.shape))
    bent = cv2.remap(ground, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    along = np.linspace(0, 1, 7, dtype=np.float32)[None, :, None]
    upper = points[:, :1] * (1 - along) + points[:, 1:2] * along
    lower = points[:, 3:] * (1 - along) + points[:, 2:3] * along
    for edge in (upper, lower):
        edge[..., 1] -= shift(edge[..., 0])
    boxes = [_box_like(quad, np.concatenate(edges)) for quad, *edges in zip(points, upper, lower, strict=True)]
    return np.asarray(bent, np.float32), np.array(boxes, np.float32).reshape(-1, 4, 2)
