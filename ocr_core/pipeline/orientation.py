"""Which way up a page is, told by its quads and by how surely its lines read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocr_core.geometry import Points, quad_size
from ocr_core.recognition.crop import TALL, is_tall

READS_SURELY = 0.9
"""A page whose longest lines read with this mean confidence is upright; below, they are read upside down."""
READS_WELL = 0.8
"""A page whose longest lines read with it in neither direction is searched for lines that run up or down."""
READS_BADLY = 0.5
"""A line that reads with less confidence is tried upside down."""
MARGIN = 0.1
"""By how much the other direction must read better."""
SIDEWAYS = 0.6
"""How long the lines found in a page on its side are together, as a share of those across; fewer are pieces of them.

Of 135 training pages that came to be searched so, all that lay on their side and were turned rightly had 0.65 or more,
and 39 of the 50 that were upright less than 0.6.
"""
SAMPLE = 6
"""Lines read to decide."""
LONE = 3.0
"""A tall quad that is less than so many times as high as wide may be one letter that stands, as those of tables are."""
LONE_SAMPLE = 24
"""Of these so many are read to decide: each says less than a line."""


def lies_on_its_side(quads: Sequence[Points]) -> bool:
    """Say whether more of the text, by length, runs up or down than across."""
    tall = across = 0.0
    for quad in quads:
        width, height = quad_size(quad)
        if height >= TALL * width:
            tall += height
        elif width >= TALL * height:
            across += width
    return tall > across


def length_across(quads: Sequence[Points]) -> float:
    """Return the length of the quads that run across together, in pixels."""
    return float(sum(quad_size(quad)[0] for quad in quads if not is_tall(quad)))


def may_stand(quad: Points) -> bool:
    """Say whether a tall quad, ordered with its uppermost edge first, may be one letter that stands upright."""
    width, height = quad_size(quad)
    return TALL * width <= height < LONE * width


def length_down(quads: Sequence[Points]) -> float:
    """Return the length of the quads that run up or down together, in pixels."""
    return float(sum(quad_size(quad)[1] for quad in quads if is_tall(quad)))


def sample(quads: Sequence[Points], count: int = SAMPLE) -> list[int]:
    """Return the indices of the lines that decide: the longest, which hold most characters."""
    return sorted(range(len(quads)), key=lambda i: -max(quad_size(quads[i])))[:count]


def downward(quad: Points) -> Points:
    """Return a tall quad with the corners of a line that reads downwards; other quads as they are."""
    return quad[[1, 2, 3, 0]] if is_tall(quad) else quad


def flipped(quad: Points) -> Points:
    """Return the quad of the same line read the other way round."""
    return quad[[2, 3, 0, 1]]


def is_better(other: Sequence[float], this: Sequence[float]) -> bool:
    """Say whether `other` confidences are higher than `this` on average, by more than chance."""
    return bool(np.mean(other) > np.mean(this) + MARGIN)
