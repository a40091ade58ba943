"""Text in the open: boards and words in the street, labels in every direction."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.render import backgrounds
from trainer.render.desk import nearest_size
from trainer.render.draws import Weighted, between, chance, pick, whole
from trainer.render.fonts import Face
from trainer.render.phrases import Phrases
from trainer.render.sheet import MARGIN, Sheet, Type

Rng = np.random.Generator
Floats = NDArray[np.float32]
FaceFor = Callable[[str], Face]

_WORDS = Weighted({"sign": 8.0, "single": 8.0, "number": 1.5, "tiny": 0.7, "phone": 0.5, "price": 0.7, "code": 0.5})
_LABELS = Weighted(
    {"single": 4.0, "words": 3.0, "short_text": 4.0, "label": 2.0, "number": 1.0, "code": 1.0, "item": 1.0}
)


def street(rng: Rng, sheet: Sheet, phrases: Phrases, face_for: FaceFor) -> None:
    """Boards where there is room, each in its own perspective with one to four rows of words."""
    taken = np.zeros((sheet.height, sheet.width), np.bool_)
    for _ in range(whole(rng, 1, 22)):
        height = np.exp(between(rng, *np.log((9, 60)))) * sheet.width / 640
        rows = [phrases.draw(rng, _WORDS).split()[:3] for _ in range(pick(rng, (1, 1, 1, 2, 2, 3, 4)))]
        _board(rng, sheet, [row for row in rows if row], float(height), face_for, taken)


def scatter(rng: Rng, sheet: Sheet, phrases: Phrases, face_for: FaceFor) -> None:
    """Lines in many directions, upright ones among them, as on packages, maps and drawings."""
    taken = np.zeros((sheet.height, sheet.width), np.bool_)
    directions = pick(rng, ((0.0, 90.0, -90.0), (0.0, 0.0, 0.0, 90.0, -90.0, 180.0), None))
    for _ in range(whole(rng, 8, 50)):
        angle = between(rng, -180, 180) if directions is None else pick(rng, directions) + rng.normal(0, 2)
        height = float(np.exp(between(rng, *np.log((10, 36)))) * sheet.width / 640)
        _board(rng, sheet, [[phrases.draw(rng, _LABELS)]], height, face_for, taken, angle=float(angle), plain=True)


def _board(
    rng: Rng,
    sheet: Sheet,
    rows: list[list[str]],
    height: float,
    face_for: FaceFor,
    taken: NDArray[np.bool_],
    *,
    angle: float | None = None,
    plain: bool = False,
) -> None:
    """Rows of words in one plane, measured upright and seen through an affine map, where four tries find room."""
    text = " ".join(word for row in rows for word in row)
    if not text:
        return
    face, size = face_for(text), nearest_size(height * 1.35)
    tracking = between(rng, 0, 0.15) * size if chance(rng, 0.3) else 0.0
    kind = Type(face, size, np.zeros(3, np.float32), tracking)
    boxes, wide, tall = _measure(sheet, kind, rows, between(rng, 1.25, 2.0))
    scale = height / (size * 0.75)
    for _ in range(4):
        place = _plane(rng, wide * scale, tall * scale, sheet, angle, plain=plain)
        corners = place(_corners(0, 0, 1, 1))
        (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
        inside = min(x0, y0) >= 0 and x1 < sheet.width and y1 < sheet.height
        if inside and not taken[y0:y1, x0:x1].any():
            break
    else:
        return
    taken[y0:y1, x0:x1] = True
    ground = sheet.ground[y0:y1, x0:x1].mean(axis=(0, 1))
    if chance(rng, 0.15 if plain else 0.6):
        board = backgrounds.colour(rng, value=(0.1, 1.0), saturation=(0.0, 0.9))
        _fill_quad(sheet, _grown(corners, between(rng, 0.05, 0.4) * height), board)
        ground = board
    kind = Type(face, size, _contrasting(rng, ground), tracking)
    halo = (between(rng, 0.04, 0.1), _contrasting(rng, kind.colour)) if not plain and chance(rng, 0.15) else None
    for word, (left, top, right, bottom) in boxes:
        quad = place(_corners(left / wide, top / tall, right / wide, bottom / tall))
        sheet.place(kind, word, quad, halo=halo)


def _corners(left: float, top: float, right: float, bottom: float) -> Floats:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _measure(
    sheet: Sheet, kind: Type, rows: list[list[str]], leading: float
) -> tuple[list[tuple[str, tuple[float, float, float, float]]], float, float]:
    """Boxes of the words' ink, widened, on an upright board; its width and height."""
    boxes, widest, y = [], 1.0, 0.0
    for row in rows:
        x = 0.0
        for word in row:
            text = sheet.drawable(kind, word)
            if not text:
                continue
            line = sheet.atlas.set_line(kind.face, kind.size, text, tracking=kind.tracking)
            top, bottom = line.ink_rows()
            air = max(2, round(MARGIN * (bottom - top)))
            base = y + kind.size
            boxes.append((text, (x - air, base + top - air, x + line.width + air, base + bottom + air)))
            x += line.width + kind.size * 0.35
        widest = max(widest, x)
        y += kind.size * leading
    return boxes, widest, y + kind.size * 0.3


def _plane(
    rng: Rng, wide: float, tall: float, sheet: Sheet, angle: float | None, *, plain: bool
) -> Callable[[Floats], Floats]:
    """Maps the unit square to a board seen from somewhere: turn, shear, foreshortening."""
    turn = np.radians(rng.normal(0, 7) if angle is None else angle)
    shear = 0.0 if plain else rng.normal(0, 0.12)
    flare = 0.0 if plain else rng.normal(0, 0.15)
    middle = np.array([between(rng, 0.05, 0.95) * sheet.width, between(rng, 0.05, 0.95) * sheet.height])
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def place(unit: Floats) -> Floats:
        points = (unit.astype(np.float64) - 0.5) * [wide, tall]
        points[:, 1] *= 1 + flare * 2 * (unit[:, 0] - 0.5)
        points[:, 1] += shear * points[:, 0] * 0.5
        return np.asarray(points @ rotation + middle, np.float32)

    return place


def _grown(corners: Floats, by: float) -> Floats:
    middle = corners.mean(axis=0)
    out = corners - middle
    reach = np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(middle + out * (1 + by * 1.4 / np.maximum(reach, 1)), np.float32)


def _fill_quad(sheet: Sheet, corners: Floats, colour: Floats) -> None:
    cv2.fillConvexPoly(sheet.ground, corners.round().astype(np.int32), [float(c) for c in colour], cv2.LINE_AA)


def _contrasting(rng: Rng, ground: Floats) -> Floats:
    """A colour at least 60 brighter or darker than `ground`."""
    level = backgrounds.luminance(ground)
    bright = level < 105 or (level < 150 and chance(rng, 0.5))
    target = between(rng, min(level + 60, 235), 255) if bright else between(rng, 0, max(level - 60, 15))
    if chance(rng, 0.55):
        return backgrounds.tint(rng, target)
    colour = backgrounds.colour(rng, value=(0.4, 1.0), saturation=(0.2, 1.0))
    return np.asarray(np.clip(colour + np.float32(target - backgrounds.luminance(colour)), 0, 255), np.float32)
