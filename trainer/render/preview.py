"""Contact sheets of what training sees, for a person to judge beside real images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trainer.render.fonts import matplotlib_fonts

Bgr = NDArray[np.uint8]
Floats = NDArray[np.float32]

LABEL_PIXELS = 14
GOOD, IGNORED, CORNER = (0, 170, 0), (0, 0, 255), (255, 0, 0)


def preview_lines(
    path: str | Path,
    sample: Callable[[int], tuple[Bgr, str, Floats | None]],
    count: int = 96,
    *,
    columns: int = 3,
    width: int = 600,
    height: int = 36,
) -> None:
    """Writes a PNG of `count` lines, each with its text below and ticks where its characters begin.

    `sample` maps an index to image [H, W, 3] BGR, text, and spans [n, 2] in pixels (or None).
    """
    cells = [_line_cell(*sample(index), width, height) for index in range(count)]
    _write(path, _tile(cells, columns))


def preview_pages(
    path: str | Path,
    sample: Callable[[int], tuple[Bgr, Floats, Sequence[bool]]],
    count: int = 12,
    *,
    columns: int = 4,
    side: int = 480,
) -> None:
    """Writes a PNG of `count` pages with their quads: green, red where ignored, blue at the text's top left.

    `sample` maps an index to image [H, W, 3] BGR, quads [L, 4, 2] in pixels and flags [L] of what is ignored.
    """
    cells = [_page_cell(*sample(index), side) for index in range(count)]
    _write(path, _tile(cells, columns))


def _line_cell(image: Bgr, text: str, spans: Floats | None, width: int, height: int) -> Bgr:
    scale = min(height / image.shape[0], (width - 6) / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    cell = np.full((height + LABEL_PIXELS + 8, width, 3), 255, np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(
        image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    if spans is not None:
        for start in spans[:, 0]:
            cv2.line(cell, (round(float(start) * scale), size[1]), (round(float(start) * scale), size[1] + 3), CORNER)
    label = Image.fromarray(cell)
    font = ImageFont.truetype(matplotlib_fonts() / "DejaVuSans.ttf", LABEL_PIXELS - 2)
    shown = f"{image.shape[0]}×{image.shape[1]}  {text}"
    ImageDraw.Draw(label).text((0, height + 4), shown, fill=(0, 0, 200), font=font)
    return np.array(label)


def _page_cell(image: Bgr, quads: Floats, ignored: Sequence[bool], side: int) -> Bgr:
    drawn = image.copy()
    for quad, gone in zip(quads, ignored, strict=True):
        corners = quad.round().astype(np.int32)
        cv2.polylines(drawn, [corners], True, IGNORED if gone else GOOD, 1)
        cv2.circle(drawn, (int(corners[0, 0]), int(corners[0, 1])), 2, CORNER, -1)
    scale = side / max(drawn.shape[:2])
    small = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((side + 4, side + 4, 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    return cell


def _tile(cells: Sequence[Bgr], columns: int) -> Bgr:
    blank = np.full_like(cells[0], 255)
    padded = [*cells, *[blank] * (-len(cells) % columns)]
    rows = [np.hstack(padded[start : start + columns]) for start in range(0, len(padded), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def _write(path: str | Path, sheet: Bgr) -> None:
    if not cv2.imwrite(str(path), sheet):
        raise OSError(f"cannot write {path}")
