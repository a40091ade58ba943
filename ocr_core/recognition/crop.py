"""Cutting lines out of an image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points, grow_rectangle, quad_size
from ocr_core.preprocess import Pixels

TALL = 1.5
"""From this ratio of height to width on, a quad is taken for a line that runs up or down."""
LEVELLED = ((0.25, 0.0), (-0.25, 0.0), (0.45, 0.0), (-0.45, 0.0), (0.0, 0.3), (0.0, -0.3), (0.0, 0.5), (0.0, -0.5))
"""Slopes and bows in which a word is looked for that reads badly as it is, in heights of its picture."""
STRETCHED = (0.8, 1.25)
"""Shares of its width to which a line is squeezed and stretched that reads badly as it is."""
MARGINS = (-0.07, 0.08)
"""By how much such a line is cut looser on all sides, in its heights; closer where it is negative."""
LONGEST = 250
"""Width of a line at most, in heights. Longer ones are squeezed: a picture of one row of pixels has no text to lose."""


def is_tall(quad: NDArray[np.generic]) -> bool:
    """Say whether a quad, ordered with its uppermost edge first, holds a line that runs up or down."""
    width, height = quad_size(quad)
    return height >= TALL * width


def cut_line(pixels: Pixels, quad: Points, height: int) -> Pixels:
    """Return a line straightened to `height` rows (h×w×3 BGR, w by the quad's shape, at least 1).

    One perspective warp leads from the image to the network's height; a line more than twice as high is first cut
    larger and then averaged down, since a warp samples single points and would break thin strokes.
    """
    width, own_height = quad_size(quad)
    columns = max(1, min(LONGEST * height, round(width * height / max(own_height, 1.0))))
    shrink = max(1, min(4, int(own_height / height)))
    size = (columns * shrink, height * shrink)
    target = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    # Coordinates are those of pixel edges; OpenCV counts from the centres.
    matrix = cv2.getPerspectiveTransform(quad - np.float32(0.5), target - np.float32(0.5))
    line = cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if shrink > 1:
        line = cv2.resize(line, (columns, height), interpolation=cv2.INTER_AREA)
    return np.asarray(line, np.uint8)


def looks(pixels: Pixels, quad: Points, height: int) -> list[Pixels]:
    """Return a line as it may be seen otherwise, each as `cut_line` has it: narrower, wider, cut closer, cut looser."""
    line = cut_line(pixels, quad, height)
    own_height = quad_size(quad)[1]
    margins = [cut_line(pixels, grow_rectangle(quad, share * own_height), height) for share in MARGINS]
    return [*(_stretched(line, share) for share in STRETCHED), *margins]


def _stretched(line: Pixels, share: float) -> Pixels:
    size = (max(1, round(line.shape[1] * share)), line.shape[0])
    return np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR), np.uint8)


def level(pixels: Pixels, height: int, slope: float, bow: float) -> Pixels:
    """Return a line that runs across a picture at a slope or in a bow, levelled to `height` rows (h×w×3 BGR).

    Args:
        pixels: the picture of the line, H×W×3.
        height: rows to return.
        slope: how much lower the line ends than it begins, in H.
        bow: how much lower its ends are than its middle, in H.
    """
    own_height, own_width = pixels.shape[:2]
    share = 1.0 - abs(slope) - abs(bow)  # of H that the text takes: the rest is where the others of its letters are
    columns = max(1, min(LONGEST * height, round(own_width * height / (own_height * share))))
    x = (np.arange(columns, dtype=np.float32) + 0.5) / columns
    across = 2 * x - 1
    middle = 0.5 + slope / 2 * across + bow * (across**2 - 0.5)
    rows = (np.arange(height, dtype=np.float32) + 0.5) / height - 0.5
    y = (middle[None, :] + share * rows[:, None]) * own_height - 0.5
    left = np.broadcast_to((x * own_width - 0.5)[None, :], y.shape)
    line = cv2.remap(
        pixels, left.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(line, np.uint8)
