"""The text detector: a network, its manifest entry, and the steps before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocr_core.backends.base import Network, Tensor
from ocr_core.detection.postprocess import Detection, find_quads
from ocr_core.detection.resize import Scale, search_size, to_tensor
from ocr_core.geometry import Points, quad_size
from ocr_core.preprocess import Pixels
from ocr_core.specs import DetectorSpec

MOST_FAINT = 60
"""So many faint boxes of a search are read, the surest: a photograph has ten, but a pattern may have any number."""

LEAST_LARGE = 12.0
"""What is to be found in a search for large letters is as high in its map, in pixels: lower lines the search of a page
sees."""
MOST_LARGE = 20
"""So many of them are read, the surest."""

SHORT = 2.2
"""What may be a character that stands alone is at most so many times as long as wide, or as wide as long,"""
SIZES = (0.4, 2.5)
"""and by their sides so large, in heights of the page's lines."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds lines of text in an image. Stateless, hence safe from any thread."""

    network: Network
    spec: DetectorSpec

    def scales(self) -> list[Scale]:
        """Return the searches that this detector may be asked for."""
        asked: dict[Scale, bool] = {
            "page": True,
            "fine": self.spec.resize.fine_pixels is not None,
            "sparse": self.spec.faint is not None,
            "large": self.spec.faint is not None,
        }
        return [scale for scale, is_asked in asked.items() if is_asked]

    def prepare(self, pixels: Pixels, scale: Scale = "page") -> Tensor:
        """Return the network's input, 1×C×H×W, for H×W×3 BGR pixels."""
        height, width = pixels.shape[:2]
        return to_tensor(pixels, search_size(width, height, self.spec, scale), self.spec)

    def finish(self, output: Tensor, size: tuple[int, int]) -> list[Detection]:
        """Return what the network's output, 1×1×H×W, shows, for an image of `size` (width, height)."""
        return self.finish_with_short(output, size)[0]

    def finish_with_short(self, output: Tensor, size: tuple[int, int]) -> tuple[list[Detection], list[Points]]:
        """Return what the output shows, and where characters may stand alone that it is less sure of, the surest first.

        Their cores are all edge, over which a map falls, so that its mean over them is low however sure it is of them.
        There are none if the bundle does not ask for what is faint.
        """
        sure = self.spec.box_threshold
        least = min(sure, self.spec.faint.box_threshold) if self.spec.faint else sure
        found = find_quads(output[0, 0], self.spec.model_copy(update={"box_threshold": least}), size)
        seen = [detection for detection in found if detection.score >= sure]
        doubted = sorted((one for one in found if one.score < sure), key=lambda detection: -detection.score)
        return seen, _short([detection.quad for detection in doubted], [detection.quad for detection in seen])

    def faint(self, output: Tensor, size: tuple[int, int]) -> list[Points]:
        """Return the quads of what it is less sure of too, as `spec.faint` says; nothing if it says nothing."""
        rule = self.spec.faint
        if rule is None:
            return []
        found = find_quads(output[0, 0], self.spec.model_copy(update=rule.thresholds()), size)
        return [detection.quad for detection in sorted(found, key=lambda detection: -detection.score)[:MOST_FAINT]]

    def large(self, output: Tensor, size: tuple[int, int]) -> list[Points]:
        """Return the quads of large letters, the surest first, in the output, 1×1×H×W, of the search for them."""
        found = sorted(self.finish(output, size), key=lambda detection: -detection.score)
        scale = min(output.shape[3] / size[0], output.shape[2] / size[1])
        return [one.quad for one in found if min(quad_size(one.quad)) * scale >= LEAST_LARGE][:MOST_LARGE]

    def sees_few(self, quads: Sequence[Points]) -> bool:
        """Say whether an image is to be looked over for faint text: it shows few lines."""
        return self.spec.faint is not None and len(quads) <= self.spec.faint.most_lines

    def sees_too_little(self, quads: Sequence[Points], size: tuple[int, int]) -> bool:
        """Say whether an image of `size` (width, height) should be searched again, larger: its lines are small.

        What a detector misses in small text it misses in lines like those that it found; the others are its guide.
        """
        rule = self.spec.resize
        if rule.fine_pixels is None or not quads:
            return False
        width, height = search_size(*size, self.spec)
        if math.prod(search_size(*size, self.spec, "fine")) <= width * height:
            return False
        scale = math.sqrt(width * height / math.prod(size))
        return float(np.median([min(quad_size(quad)) for quad in quads])) * scale < rule.fine_below


def _short(quads: Sequence[Points], lines: Sequence[Points]) -> list[Points]:
    """Keep of quads those of the size of a character of the lines, and so many at most as are read."""
    if not lines:
        return []
    height = float(np.median([min(quad_size(quad)) for quad in lines]))
    sides = [sorted(quad_size(quad)) for quad in quads]
    short = [
        quad
        for quad, (least, most) in zip(quads, sides, strict=True)
        if SIZES[0] * height <= least and most <= min(SIZES[1] * height, SHORT * least)
    ]
    return short[:MOST_FAINT]
