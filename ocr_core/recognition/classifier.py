"""The direction classifier: is a line upright or upside down?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocr_core.backends.base import Network, Tensor
from ocr_core.preprocess import Pixels, normalize_into
from ocr_core.specs import ClassifierSpec


@dataclass(frozen=True, slots=True)
class Classifier:
    """Tells lines that are upside down. Stateless, hence safe from any thread."""

    network: Network
    spec: ClassifierSpec

    def prepare(self, lines: Sequence[Pixels]) -> Tensor:
        """Return the input N×C×H×W: lines squeezed to the width where they must be, else padded with zeros."""
        spec = self.spec
        tensor = np.zeros((len(lines), spec.normalization.channels, spec.height, spec.width), np.float32)
        for line, row in zip(lines, tensor, strict=True):
            width = min(spec.width, max(1, round(line.shape[1] * spec.height / line.shape[0])))
            resized = np.asarray(cv2.resize(line, (width, spec.height)), np.uint8)
            normalize_into(resized, spec.normalization, row[:, :, :width])
        return tensor

    def finish(self, output: Tensor) -> list[bool]:
        """Return for every row of N×2 probabilities whether the line is surely upside down."""
        return [bool(turned > self.spec.threshold) for turned in output[:, 1]]
