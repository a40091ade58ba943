"""CopyPaste: text of another page, pasted where there is none yet, with its labels (PP-OCRv2, section 2.1; facts 3.8).

The released code lost the labels of pasted text and tested the wrong rectangle for overlap; here both are right.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points, quad_size
from ocr_core.preprocess import Pixels
from trainer.data.db_targets import draw_core
from trainer.data.pages import PageSample
from trainer.render.draws import whole

Rng = np.random.Generator
Box = NDArray[np.float32]
"""Left, top, right, bottom."""
MOST = 30
TRIES = 50


def copy_paste(page: PageSample, donor: PageSample, share: float, rng: Rng) -> PageSample:
    """Return `page` with up to `share` of the donor's lines pasted at random places and angles.

    A line is pasted only where its bounding box touches no other, labelled as unreadable or not.
    """
    usable = [
        (polygon, text)
        for polygon, text, skip in zip(donor.polygons, donor.texts, donor.ignore, strict=True)
        if not skip and len(polygon) == 4
    ]
    count = max(1, min(int(share * len(donor.polygons)), MOST))
    pixels = page.pixels.copy()
    boxes = [_box(polygon) for polygon in page.polygons]
    pasted: list[tuple[Points, str]] = []
    for index in rng.permutation(len(usable))[:count]:
        quad, text = usable[index]
        placed = _paste(pixels, _turned(donor.pixels, quad, whole(rng, 0, 359)), boxes, rng)
        if placed is not None:
            boxes.append(_box(placed))
            pasted.append((placed, text))
    return replace(
        page,
        pixels=pixels,
        teacher=None if page.teacher is None else _seen(page.teacher, [polygon for polygon, _ in pasted]),
        polygons=page.polygons + tuple(polygon for polygon, _ in pasted),
        texts=page.texts + tuple(text for _, text in pasted),
        ignore=page.ignore + (False,) * len(pasted),
    )


def _turned(pixels: Pixels, quad: Points, angle: int) -> tuple[Pixels, NDArray[np.uint8], Points]:
    """Straighten a quad, turn it by `angle` degrees on a canvas that holds it; return pixels, coverage and corners."""
    width, height = (max(1, round(side)) for side in quad_size(quad))
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    radians = np.deg2rad(angle)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]], np.float32)
    corners = upright @ turn.T
    corners -= corners.min(axis=0)
    size = [max(1, int(np.ceil(side))) for side in corners.max(axis=0)]
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    patch = cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    cover = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(cover, np.round(corners * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    return np.asarray(patch, np.uint8), cover, corners


def _paste(page: Pixels, patch: tuple[Pixels, NDArray[np.uint8], Points], boxes: list[Box], rng: Rng) -> Points | None:
    """Lay the patch on the page, in place, where it touches none of `boxes`; None if there is no such place."""
    pixels, cover, corners = patch
    height, width = cover.shape
    room = page.shape[1] - width, page.shape[0] - height
    if min(room) < 0:
        return None
    taken = np.array(boxes, np.float32).reshape(-1, 4)
    for _ in range(TRIES):
        x, y = whole(rng, 0, room[0]), whole(rng, 0, room[1])
        apart = (taken[:, 0] > x + width) | (taken[:, 2] < x) | (taken[:, 1] > y + height) | (taken[:, 3] < y)
        if apart.all():
            there = page[y : y + height, x : x + width]
            weight = cover[:, :, None] * np.float32(1 / 255)
            there[:] = np.round(there * (1 - weight) + pixels * weight).astype(np.uint8)
            return corners + np.array([x, y], np.float32)
    return None


def _seen(teacher: NDArray[np.uint8], polygons: list[Points]) -> NDArray[np.uint8]:
    """Return the teacher's map as if it had found the pasted text."""
    core = np.zeros_like(teacher)
    for polygon in polygons:
        draw_core(polygon, False, 0.0, core, core)
    return np.asarray(np.maximum(teacher, core * np.uint8(255)), np.uint8)


def _box(polygon: Points) -> Box:
    return np.concatenate([polygon.min(axis=0), polygon.max(axis=0)])
