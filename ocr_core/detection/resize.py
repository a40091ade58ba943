"""In which size a page is searched."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np

from ocr_core.backends.base import Tensor
from ocr_core.preprocess import Pixels, normalize_into
from ocr_core.specs import DetectorSpec

FINE_STEPS = 10
"""Up to this many multiples every one is used; above, every second: few shapes to warm, and at most 9 % of stretch."""

SPARSE_PIXELS = 0.5
"""Of the pixels in which a page was searched so many are enough to look for more text in one of few lines."""

HALVED = 1.9
"""A page that shrinks by so much is halved first: averaging two by two takes a tenth of the time of other averaging."""


LARGE_PIXELS = 0.12
"""Letters that are too large for the search of a page are found in so many of its pixels: a third of each side."""


Scale = Literal["page", "fine", "sparse", "large"]
"""What a search is for: a page, one of small lines, one of few lines, once more, or the large letters of a page."""


def search_size(width: int, height: int, spec: DetectorSpec, scale: Scale = "page") -> tuple[int, int]:
    """Return the width and height, in pixels, of the network's input for an image of `width`×`height`.

    The page is scaled as `DetectorResize` says, then both sides are rounded on their own, which stretches it a little,
    as PaddleOCR does: padding instead would cost time for pixels without text.
    """
    rule = spec.resize
    if scale in ("sparse", "large"):
        # Large letters fall apart in the search of a page: of what it saw fewer pixels.
        width, height = search_size(width, height, spec)
        factor = math.sqrt(SPARSE_PIXELS if scale == "sparse" else LARGE_PIXELS)
    else:
        factor = max(1.0, rule.min_side / min(width, height))
        factor = min(factor, rule.max_side / max(width, height))
        most = rule.fine_pixels if scale == "fine" else rule.max_pixels
        if most is not None:
            factor = min(factor, math.sqrt(most / (width * height)))
    return _round(width * factor, rule.multiple), _round(height * factor, rule.multiple)


def _round(side: float, multiple: int) -> int:
    step = multiple if side <= FINE_STEPS * multiple else 2 * multiple
    return max(multiple, round(side / step) * step)


def to_tensor(pixels: Pixels, size: tuple[int, int], spec: DetectorSpec) -> Tensor:
    """Resize H×W×3 BGR pixels to `size` (width, height) and normalise them to 1×C×height×width."""
    height, width = pixels.shape[:2]
    # Averaging keeps thin strokes when a large scan shrinks; for enlarging and small changes linear is as good.
    shrink = min(width / size[0], height / size[1])
    while shrink >= HALVED:
        width, height = width // 2, height // 2
        even = pixels[: 2 * height, : 2 * width]
        pixels = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        shrink /= 2
    resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if shrink > 1.5 else cv2.INTER_LINEAR)
    tensor = np.empty((1, spec.normalization.channels, size[1], size[0]), np.float32)
    normalize_into(np.asarray(resized, np.uint8), spec.normalization, tensor[0])
    return tensor
