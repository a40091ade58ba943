"""A script that a few lines of numpy can find and read, so that the whole engine is tested without a trained network.

A page is white (255), a block of text light (230). A glyph is a vertical stripe whose grey names its class, half as
wide as the block is high; gaps are half as wide as stripes. A black band along the top quarter of a block says which
way up it is. No grey is near 127.5, which is what padding looks like.
"""

from __future__ import annotations

import cv2
import numpy as np

CHARACTERS = tuple("0123456789ab ")
HEIGHT = 32
STRIDE = 4
"""Columns of a line for each frame."""

PAPER, BLANK = 255, 230
SURE, UPSIDE_DOWN = 0.99, 0.3
"""Probabilities of the glyphs of lines that are upright, and of those that are not."""


def grey(character: str) -> int:
    return 30 + 15 * CHARACTERS.index(character)


def blank_page(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), PAPER, np.uint8)


def block_width(text: str, height: int = HEIGHT) -> int:
    return (3 * len(text) + 1) * (height // 4)


def draw(page: np.ndarray, text: str, x: int, y: int, height: int = HEIGHT) -> np.ndarray:
    """Draw a line with its top left corner at (x, y) and return its quad. `height` is a multiple of 4."""
    unit, right = height // 4, x + block_width(text, height)
    page[y : y + height, x:right] = BLANK
    for i, character in enumerate(text):
        left = x + unit + 3 * unit * i
        page[y : y + height, left : left + 2 * unit] = grey(character)
    page[y : y + unit, x:right] = 0
    return np.array([[x, y], [right, y], [right, y + height], [x, y + height]], np.float32)


def detect(batch: np.ndarray) -> np.ndarray:
    """The detector: N×3×H×W to N×1×H×W, blocks inset so that an unclip ratio of 1.5 restores them."""
    maps = np.zeros((len(batch), 1, *batch.shape[2:]), np.float32)
    for page, (core,) in zip(_greys(batch), maps, strict=True):
        contours, _ = cv2.findContours((page < 245).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for contour in contours:
            centre, size, angle = cv2.minAreaRect(contour)
            width, height = size[0] + 1, size[1] + 1  # contours run through the centres of pixels
            # Solves d = 1.5 · area / perimeter of the rectangle inset by d.
            side, area = width + height, width * height
            inset = (5 * side - np.sqrt(25 * side**2 - 84 * area)) / 28
            corners = cv2.boxPoints((centre, (width - 2 * inset, height - 2 * inset), angle))
            cv2.fillConvexPoly(core, np.round(corners).astype(np.int32), 0.9)
    return maps


def recognize(batch: np.ndarray) -> np.ndarray:
    """The recognizer: N×3×32×W to N×(W/4)×C, sure of what has its black band on top."""
    greys = _greys(batch)
    frames = greys[:, 12:20].mean(axis=1).reshape(len(batch), -1, STRIDE)
    level, spread = frames.mean(axis=2), np.ptp(frames, axis=2)
    classes = np.round((level - 15) / 15).astype(int)
    is_glyph = (spread < 8) & (np.abs(level - 15 - 15 * classes) < 5) & (classes > 0) & (classes <= len(CHARACTERS))
    classes = np.where(is_glyph, classes, 0)
    is_upright = (greys[:, 2:6].mean(axis=1) < greys[:, -6:-2].mean(axis=1)).reshape(frames.shape).mean(axis=2) > 0.5
    output = np.zeros((*classes.shape, len(CHARACTERS) + 1), np.float32)
    np.put_along_axis(output, classes[..., None], np.where(is_upright, SURE, UPSIDE_DOWN)[..., None], axis=2)
    return output


def classify(batch: np.ndarray) -> np.ndarray:
    """The direction classifier: N×3×H×W to N×2, the black band is on top or at the bottom."""
    greys = _greys(batch)
    band = batch.shape[2] // 6
    is_turned = np.median(greys[:, :band], axis=(1, 2)) > np.median(greys[:, -band:], axis=(1, 2))
    return np.stack([~is_turned, is_turned], axis=1).astype(np.float32)


def _greys(batch: np.ndarray) -> np.ndarray:
    """Undo the default normalisation: N×H×W, 0 to 255."""
    return batch[:, 0] * 127.5 + 127.5
