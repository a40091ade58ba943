"""How large a PDF's page is drawn (docs/decisions/0024-pages.md)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocr_core.geometry import quad_size
from ocr_core.pages.pictures import Picture
from ocr_core.pages.text_layer import EmbeddedLine

DPI = 200.0
"""Of text, where nothing on the page says more."""
LINE_PIXELS = 22.0
"""Height from descent to ascent from which body text is read well: that of 9 points at `DPI`."""
MAX_DPI = 300.0
"""Finer scans read no better."""
MIN_SCAN_DPI = 72.0
SCAN = 0.6
"""Share of the page from which pictures are what the page is about."""
MIN_SIDE = 1_000
"""Pixels of the longer side of small pages."""
MAX_SIDE = 32_000
"""OpenCV warps images whose sides fit into 15 bits."""
SHEET = 8_700_000
"""Pixels of A4 at `MAX_DPI`. A page that is small, or whose unit is larger than a point, is drawn finer up to this."""


def choose_scale(
    size: tuple[float, float], pictures: Sequence[Picture], lines: Sequence[EmbeddedLine], max_pixels: int
) -> float:
    """Return pixels a point.

    A scan is drawn in its own pixels, text so large that it is read well, and nothing beyond `max_pixels`.

    Args:
        size: width and height of the page in points.
        pictures: on the page.
        lines: of the text layer, in points.
        max_pixels: width × height at most.
    """
    scan = _scan_scale(size, pictures)
    scale = max(scan, MIN_SCAN_DPI / 72) if scan else DPI / 72
    if lines:
        heights = [quad_size(line.quad)[1] for line in lines]
        body = _weighted_median(heights, [line.characters for line in lines])
        scale = max(scale, LINE_PIXELS / max(body, 1e-3))
    area, longer = size[0] * size[1], max(size)
    scale = max(scale, MIN_SIDE / longer)
    scale = min(scale, max(MAX_DPI / 72, float(np.sqrt(SHEET / area))))
    return min(scale, MAX_SIDE / longer, float(np.sqrt(max_pixels / area)) * 0.999)


def _scan_scale(size: tuple[float, float], pictures: Sequence[Picture]) -> float:
    """Return pixels a point of the scan that a page is, in one picture or cut into strips; 0 if it is none."""
    shares = [picture.share(size) for picture in pictures]
    scales = [_own_scale(picture) for picture in pictures]
    if sum(shares) < SCAN:
        return 0.0
    whole = [scale for scale, share in zip(scales, shares, strict=True) if share >= SCAN]
    return max(whole) if whole else _weighted_median(scales, shares)


def _own_scale(picture: Picture) -> float:
    return max(pixels / max(side, 1e-3) for pixels, side in zip(picture.pixels, picture.sides, strict=True))


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    order = np.argsort(values)
    total = np.cumsum(np.asarray(weights)[order])
    return float(values[order[int(np.searchsorted(total, total[-1] / 2))]])
