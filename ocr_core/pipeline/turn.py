"""Finding out by how much a page is turned, by reading some of its lines in the ways in which they could run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ocr_core.geometry import Points
from ocr_core.pipeline.lines import ReadQuad
from ocr_core.pipeline.orientation import (
    READS_BADLY,
    READS_WELL,
    downward,
    flipped,
    is_better,
    lies_on_its_side,
    sample,
)
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import is_tall


class QuadReader(Protocol):
    """Finds text and reads it, as `LineReader` does."""

    def find(self, pixels: Pixels) -> list[Points]:
        """Return the quads of the text in H×W×3 BGR pixels."""
        ...

    def read(self, pixels: Pixels, quads: Sequence[Points]) -> list[ReadQuad]:
        """Read each quad from its own top left corner."""
        ...


class TurnFinder:
    """Finds the degrees clockwise, 0, 90, 180 or 270, that would make a page upright."""

    def __init__(self, reader: QuadReader) -> None:
        self._reader = reader

    def by_shape(self, pixels: Pixels, quads: Sequence[Points]) -> int:
        """Return 270 if most text lies on its side and reads downwards, 90 if upwards.

        0 if most text runs across, or if neither makes sense, as with upright columns of signs.
        """
        if not lies_on_its_side(quads):
            return 0
        tall = _longest([downward(quad) for quad in quads if is_tall(quad)])
        down = np.mean(self._confidences(pixels, tall))
        up = np.mean(self._confidences(pixels, [flipped(quad) for quad in tall]))
        if max(down, up) < READS_BADLY:
            return 0
        return 270 if down >= up else 90

    def by_readings(self, pixels: Pixels, quads: Sequence[Points], lines: Sequence[ReadQuad]) -> int:
        """Return by how much to turn a page whose lines run across, as it seems; 0 if they read no better turned.

        A detector may join the letters of lines that run up or down across those lines, so that none looks tall.
        """
        across = [line for quad, line in zip(quads, lines, strict=True) if not is_tall(quad)]
        picked = [across[i] for i in sample([line.quad for line in across])]
        this = [line.confidence for line in picked]
        if not picked or np.mean(this) >= READS_WELL:
            return 0
        ways = {180: self._confidences(pixels, [flipped(line.quad) for line in picked])}
        if np.mean(ways[180]) < READS_WELL:
            ways |= self._sideways(pixels)
        best = max(ways, key=lambda rotation: float(np.mean(ways[rotation])))
        return best if is_better(ways[best], this) else 0

    def _sideways(self, pixels: Pixels) -> dict[int, list[float]]:
        """Return how surely the longest lines of the page read when it is turned by 90 and by 270 degrees."""
        turned = turn_pixels(pixels, 90)
        quads = _longest([quad for quad in self._reader.find(turned) if not is_tall(quad)])
        if not quads:
            return {}
        flipped_quads = [flipped(quad) for quad in quads]
        return {90: self._confidences(turned, quads), 270: self._confidences(turned, flipped_quads)}

    def _confidences(self, pixels: Pixels, quads: Sequence[Points]) -> list[float]:
        return [line.confidence for line in self._reader.read(pixels, quads)]


def turn_pixels(pixels: Pixels, degrees: int) -> Pixels:
    """Return the image turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, -degrees // 90))


def _longest(quads: Sequence[Points]) -> list[Points]:
    return [quads[i] for i in sample(quads)]
