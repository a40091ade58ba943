"""Pages of few lines, photographs mostly: which of the text that the detector is unsure of is believed.

A recognizer reads what is no text with little confidence, or as one or two characters: how surely a box reads says more
about it than the detector does.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ocr_core.geometry import Points
from ocr_core.pipeline.lines import ReadQuad, credit

BELIEVED = 0.8
"""Credit (see `credit`) of text in a faint box that is believed."""
SEEN_FIRST = 0.05
"""Credit that a box of the first search is ahead of faint ones of the same text."""
SAME_TEXT = 0.6
"""Boxes that share so much of the smaller one show the same text."""
NOISE = 0.4
"""A line that reads with less confidence than a half and so much divided by its characters is noise."""


def best_of(lines: Sequence[ReadQuad], faint: Sequence[ReadQuad]) -> list[ReadQuad]:
    """Return of boxes that show the same text the one that reads best.

    Args:
        lines: what was read in the boxes of the first search.
        faint: what was read in others; only what reads surely is believed.
    """
    rivals = [(credit(line.reading) + SEEN_FIRST, line) for line in lines if line.reading.text]
    rivals += [(worth, line) for line in faint if line.reading.text and (worth := credit(line.reading)) >= BELIEVED]
    best: list[ReadQuad] = []
    for _, line in sorted(rivals, key=lambda rival: -rival[0]):
        if all(_shared(line.quad, other.quad) < SAME_TEXT for other in best):
            best.append(line)
    return best


def is_noise(line: ReadQuad) -> bool:
    """Say whether a line of a page of few lines is more likely a pattern than text: it is short, and reads unsurely."""
    return line.confidence < 0.5 + NOISE / max(1, len(line.reading.text))


def _shared(one: Points, other: Points) -> float:
    """Return the area that two quads share, as a part of the smaller one's."""
    # Corners that were moved to the edge of the page may leave a quad that is not convex.
    first, second = (cv2.convexHull(quad.astype(np.float32)) for quad in (one, other))
    smaller = min(cv2.contourArea(first), cv2.contourArea(second))
    return cv2.intersectConvexConvex(first, second)[0] / smaller if smaller > 0 else 0.0
