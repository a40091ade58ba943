"""Finding out by how much a page is turned, by reading some of its lines in the ways in which they could run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ocr_core.geometry import Points
from ocr_core.pipeline.lines import ReadQuad
from ocr_core.pipeline.orientation import (
    LONE_SAMPLE,
    MARGIN,
    READS_BADLY,
    READS_SURELY,
    READS_WELL,
    SAMPLE,
    SIDEWAYS,
    downward,
    flipped,
    is_better,
    length_across,
    length_down,
    lies_on_its_side,
    may_stand,
    sample,
)
from ocr_core.pipeline.searched import Searched, turn_pixels
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import is_tall


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """How a page is to be turned."""

    degrees: int
    """Clockwise: 0, 90, 180 or 270."""
    page: Searched | None = None
    """The page turned so, if finding out took a search of it."""


class QuadReader(Protocol):
    """Finds text and reads it, as `LineReader` does."""

    def search(self, pixels: Pixels) -> Searched:
        """Find the text in H×W×3 BGR pixels."""
        ...

    def read(self, pixels: Pixels, quads: Sequence[Points]) -> list[ReadQuad]:
        """Read each quad from its own top left corner."""
        ...


class TurnFinder:
    """Finds the turn that would make a page upright."""

    def __init__(self, reader: QuadReader) -> None:
        self._reader = reader

    def by_shape(self, pixels: Pixels, quads: Sequence[Points]) -> Turn:
        """Return a turn by 270 degrees if most text lies on its side and reads downwards, by 90 if upwards.

        By none if most text runs across, if neither makes sense, as with upright columns of signs, or if most tall
        quads are single letters that stand. The longest quads may be no lines but letters joined across them: where
        they are undecided all others are read too.
        """
        if not lies_on_its_side(quads):
            return Turn(0)
        tall = [downward(quad) for quad in quads if is_tall(quad)]
        down, up = self._both_ways(pixels, _longest(tall))
        if abs(down - up) < MARGIN:
            down, up = self._both_ways(pixels, tall)
        if max(down, up) < READS_BADLY or self._stand(pixels, quads):
            return Turn(0)
        return Turn(270 if down >= up else 90)

    def by_readings(self, pixels: Pixels, quads: Sequence[Points], lines: Sequence[ReadQuad]) -> Turn:
        """Return how to turn a page whose lines run across, as it seems; not at all if they read no better turned.

        A detector may join the letters of lines that run up or down across those lines, so that none looks tall.
        """
        picked = _longest_across(quads, lines)
        this = [line.confidence for line in picked]
        if not picked or np.mean(this) >= READS_SURELY:
            return Turn(0)
        ways = {180: self._upside_down(pixels, picked)}
        side = None
        if max(np.mean(this), np.mean(ways[180])) < READS_WELL:
            side = self._reader.search(turn_pixels(pixels, 90))
            if length_across(side.quads) >= SIDEWAYS * length_across(quads):
                ways |= self._sideways(side)
        best = max(ways, key=lambda rotation: float(np.mean(ways[rotation])))
        if not is_better(ways[best], this):
            return Turn(0)
        return Turn(best, side.turned(best - 90) if side is not None and best != 180 else None)

    def is_upside_down(self, pixels: Pixels, quads: Sequence[Points], lines: Sequence[ReadQuad]) -> bool:
        """Say whether the longest lines of a page that was turned by its shape read better the other way round.

        On its side they may have been too few, or too badly found, to tell up from down.
        """
        picked = _longest_across(quads, lines)
        this = [line.confidence for line in picked]
        if not picked or np.mean(this) >= READS_SURELY:
            return False
        return is_better(self._upside_down(pixels, picked), this)

    def _stand(self, pixels: Pixels, quads: Sequence[Points]) -> bool:
        """Say whether most of the tall quads, by length, may be letters that stand, and read best so."""
        lone = [quad for quad in quads if may_stand(quad)]
        if 2 * length_down(lone) < length_down(quads):
            return False
        lone = _longest(lone, LONE_SAMPLE)
        standing = float(np.mean(self._confidences(pixels, lone)))
        return standing > max(self._both_ways(pixels, [downward(quad) for quad in lone]))

    def _upside_down(self, pixels: Pixels, lines: Sequence[ReadQuad]) -> list[float]:
        return self._confidences(pixels, [flipped(line.quad) for line in lines])

    def _sideways(self, side: Searched) -> dict[int, list[float]]:
        """Return how surely the longest lines of a page turned by 90 degrees read as they are, and turned by 270."""
        quads = _longest([quad for quad in side.quads if not is_tall(quad)])
        flipped_quads = [flipped(quad) for quad in quads]
        return {90: self._confidences(side.pixels, quads), 270: self._confidences(side.pixels, flipped_quads)}

    def _both_ways(self, pixels: Pixels, quads: Sequence[Points]) -> tuple[float, float]:
        """Return how surely quads read as they are, and upside down."""
        ways = quads, [flipped(quad) for quad in quads]
        this, other = (float(np.mean(self._confidences(pixels, way))) for way in ways)
        return this, other

    def _confidences(self, pixels: Pixels, quads: Sequence[Points]) -> list[float]:
        return [line.confidence for line in self._reader.read(pixels, quads)]


def _longest_across(quads: Sequence[Points], lines: Sequence[ReadQuad]) -> list[ReadQuad]:
    across = [line for quad, line in zip(quads, lines, strict=True) if not is_tall(quad)]
    return [across[i] for i in sample([line.quad for line in across])]


def _longest(quads: Sequence[Points], count: int = SAMPLE) -> list[Points]:
    return [quads[i] for i in sample(quads, count)]
