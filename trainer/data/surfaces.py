"""Parts of labelled photographs that have no text in them: what signs are drawn on, as SynthText does."""

from __future__ import annotations

import logging

import numpy as np

from ocr_core.preprocess import Pixels
from ocr_core.scoring.datasets import LabelledSet, PageRow
from trainer.data.crops import read_image
from trainer.data.problems import Problems
from trainer.render.backgrounds import Surfaces
from trainer.render.draws import sample_rng, whole

log = logging.getLogger(__name__)

SIDE = 256
"""Pixels of a part's width and height."""
PER_IMAGE = 3
TRIES = 12


def text_free(photographs: LabelledSet) -> Surfaces:
    """Return up to three parts of each photograph, 256 × 256 × 3, BGR, which no labelled text touches.

    Illegible text has to be labelled too (as ignored): what nobody marked cannot be avoided.
    """
    parts: list[Pixels] = []
    for number, row in enumerate(photographs.rows):
        pixels = read_image(photographs.path(row), Problems()) if isinstance(row, PageRow) else None
        if pixels is not None and isinstance(row, PageRow):
            parts += _parts(pixels, row, number)
    log.info("%d surfaces without text in %d photographs", len(parts), len(photographs.rows))
    return tuple(parts)


def _parts(pixels: Pixels, row: PageRow, number: int) -> list[Pixels]:
    height, width = pixels.shape[:2]
    if min(height, width) < SIDE:
        return []
    taken = np.zeros((height, width), np.bool_)
    for line in row.lines:
        (left, top), (right, bottom) = np.min(line.points, axis=0), np.max(line.points, axis=0)
        taken[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1] = True
    rng, parts = sample_rng(0, number), []
    for _ in range(TRIES):
        y, x = whole(rng, 0, height - SIDE), whole(rng, 0, width - SIDE)
        place = np.s_[y : y + SIDE, x : x + SIDE]
        if not taken[place].any():
            parts.append(pixels[place].copy())
            taken[place] = True
    return parts[:PER_IMAGE]
