"""Characters that stand alone on pages of lines: quantities, numbers of pages and of headings.

A detector is seldom sure of them. What a recognizer reads surely where the map is faint is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocr_core.geometry import Points, common_area, quad_area
from ocr_core.pipeline.lines import ReadQuad

TAKEN = 0.3
"""What shares so much of the smaller area with a line is a part of it."""
SURELY = 0.9
"""Confidence of a reading that is believed."""


def beside(short: Sequence[Points], lines: Sequence[ReadQuad]) -> list[Points]:
    """Return the short quads that no line holds which says anything."""
    taken = [line.quad for line in lines if line.reading.text]
    if not taken:
        return list(short)
    lows, highs = np.array([quad.min(axis=0) for quad in taken]), np.array([quad.max(axis=0) for quad in taken])

    def near(quad: Points) -> list[Points]:
        # Most lines lie elsewhere on the page, which their bounds tell a hundred times as fast.
        meets = ((lows < quad.max(axis=0)) & (highs > quad.min(axis=0))).all(axis=1)
        return [taken[i] for i in np.flatnonzero(meets)]

    return [quad for quad in short if all(_are_apart(quad, other) for other in near(quad))]


def characters(read: Sequence[ReadQuad]) -> list[ReadQuad]:
    """Return what was read surely and has a letter or a digit: signs may be anything that is drawn."""
    return [line for line in read if line.confidence >= SURELY and any(c.isalnum() for c in line.reading.text)]


def _are_apart(one: Points, other: Points) -> bool:
    return common_area(one, other) < TAKEN * min(quad_area(one), quad_area(other))
