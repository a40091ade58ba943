"""Boxes drawn over an image, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURS = ((31, 119, 255), (180, 105, 20), (44, 160, 44), (200, 60, 150))
"""BGR; neighbours in reading order differ."""


def draw_quads(pixels: NDArray[np.uint8], quads: Sequence[NDArray[np.floating]]) -> NDArray[np.uint8]:
    """Return a copy of an H×W×3 BGR image with each polygon (P×2) outlined and numbered from 1 at its first corner."""
    canvas = pixels.copy()
    # Strokes and figures grow with the image, so that both still show when it is shrunk to a screen.
    thickness = max(1, round(max(pixels.shape[:2]) / 800))
    for number, quad in enumerate(quads, start=1):
        colour = COLOURS[number % len(COLOURS)]
        corners = np.round(np.asarray(quad, np.float64)).astype(np.int32)
        cv2.polylines(canvas, [corners], isClosed=True, color=colour, thickness=thickness, lineType=cv2.LINE_AA)
        _label(canvas, str(number), (int(corners[0, 0]), int(corners[0, 1])), colour, thickness)
    return canvas


def _label(
    canvas: NDArray[np.uint8], text: str, corner: tuple[int, int], colour: tuple[int, int, int], thickness: int
) -> None:
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thickness
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    left, bottom = max(0, corner[0] - width), max(height, corner[1])
    cv2.rectangle(canvas, (left, bottom - height), (left + width, bottom), colour, cv2.FILLED)
    cv2.putText(canvas, text, (left, bottom), font, scale, (255, 255, 255), thickness, cv2.LINE_AA)
