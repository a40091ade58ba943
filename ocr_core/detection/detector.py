"""The text detector: a network, its manifest entry, and the steps before and after."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_core.backends.base import Network, Tensor
from ocr_core.detection.postprocess import Detection, find_quads
from ocr_core.detection.resize import search_size, to_tensor
from ocr_core.preprocess import Pixels
from ocr_core.specs import DetectorSpec


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds lines of text in an image. Stateless, hence safe from any thread."""

    network: Network
    spec: DetectorSpec

    def prepare(self, pixels: Pixels) -> Tensor:
        """Return the network's input, 1×C×H×W, for H×W×3 BGR pixels."""
        height, width = pixels.shape[:2]
        return to_tensor(pixels, search_size(width, height, self.spec), self.spec)

    def finish(self, output: Tensor, size: tuple[int, int]) -> list[Detection]:
        """Return what the network's output, 1×1×H×W, shows, for an image of `size` (width, height)."""
        return find_quads(output[0, 0], self.spec, size)
