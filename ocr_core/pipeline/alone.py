"""Characters that stand alone on pages of lines: quantities, numbers of pages and of headings.

A detector is seldom sure of them. What a recognizer reads surely where the map is faint is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_core.geometry import Bounds, Points, common_area, grow_rectangle, quad_area, quad_size
from ocr_core.pipeline.lines import ReadQuad

TAKEN = 0.3
"""What shares so much of the smaller area with a line is a part of it."""
LOOSER = 0.25
"""So much, in its lesser side, a short quad is cut looser: of what is seen faintly the core is small, and the full stop
of "1." or the foot of a "2" may lie outside."""
SURELY = 0.9
"""Confidence of a reading that is believed."""


def beside(short: Sequence[Points], lines: Sequence[ReadQuad]) -> list[Points]:
    """Return the short quads that no line holds which says anything."""
    taken = [line.quad for line in lines if line.reading.text]
    bounds = Bounds(taken)
    return [quad for quad in short if all(_are_apart(quad, taken[i]) for i in bounds.meeting(quad))]


def looser(quad: Points) -> Points:
    """Return a quad that is cut looser on all sides."""
    return grow_rectangle(quad, LOOSER * min(quad_size(quad)))


def characters(tight: Sequence[ReadQuad], loose: Sequence[ReadQuad]) -> list[ReadQuad]:
    """Return what was read surely and has a letter or a digit: signs may be anything that is drawn.

    Args:
        tight: what was read in short quads.
        loose: what was read in the same, cut looser; of both the surer one counts.
    """
    read = [max(pair, key=lambda line: line.confidence) for pair in zip(tight, loose, strict=True)]
    return [line for line in read if line.confidence >= SURELY and any(c.isalnum() for c in line.reading.text)]


def _are_apart(one: Points, other: Points) -> bool:
    return common_area(one, other) < TAKEN * min(quad_area(one), quad_area(other))
