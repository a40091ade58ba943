"""A page as a small picture, for programs that show it and cannot draw PDF or TIFF themselves."""

from __future__ import annotations

import cv2

from ocr_core.preprocess import Pixels

SIDE = 1600
"""Pixels of the longer side at most: a sheet of A4 at 137 dpi, on which print of 8 points can be read."""
QUALITY = 75


def encode_preview(pixels: Pixels) -> bytes:
    """Return a JPEG of the page, H×W×3 in BGR order, shrunk to `SIDE` where it is larger."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
