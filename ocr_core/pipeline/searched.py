"""An image that was searched for text, and what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ocr_core.detection.large import Traces
from ocr_core.geometry import Points, order_quad, turn_points
from ocr_core.preprocess import Pixels

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """H×W×3 BGR pixels and the quads of the text that was found in them."""

    pixels: Pixels
    quads: Sequence[Points]
    scores: Sequence[float] = ()
    """How sure the detector is of each."""
    faint: Sequence[Points] | None = None
    """Where the detector is less sure of text; none: the page holds enough that is sure, or the bundle does not ask."""
    short: Sequence[Points] = ()
    """Where characters may stand alone that it is less sure of, on pages of many lines."""
    traces: Traces | None = None
    """The map, shrunk; none: the page is not to be searched for large letters."""

    def turned(self, degrees: int) -> Searched:
        """Return the image turned clockwise by a multiple of 90 degrees, its quads with it."""
        size = (self.pixels.shape[1], self.pixels.shape[0])

        def turn(quads: Sequence[Points]) -> list[Points]:
            return [order_quad(turn_points(quad, size, degrees)) for quad in quads]

        faint = None if self.faint is None else turn(self.faint)
        traces = None if self.traces is None else turn_pixels(self.traces, degrees)
        return Searched(
            turn_pixels(self.pixels, degrees), turn(self.quads), self.scores, faint, turn(self.short), traces
        )


def turn_pixels(pixels: NDArray[Scalar], degrees: int) -> NDArray[Scalar]:
    """Return an image, H×W or H×W×C, turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, -degrees // 90))
