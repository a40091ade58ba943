"""Batches of lines for the direction classifier, every other one upside down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ocr_core.preprocess import Pixels
from ocr_core.recognition.classifier import Classifier
from trainer.config import ClassifierData
from trainer.data.lines import Lines
from trainer.data.mix import Mix
from trainer.render.draws import chance, sample_rng

Batch = dict[str, NDArray[np.generic]]
TURN_SEED = 2**60


class DirectionGroups:
    """Group g of the training stream is one batch: images N×3×H×W float32, and which of them are upside down."""

    def __init__(
        self, sources: Sequence[Lines], weights: Sequence[float], data: ClassifierData, serving: Classifier, seed: int
    ) -> None:
        """`serving` prepares lines, as it does when it serves."""
        self.sources = sources
        self.mix = Mix(weights, [source.size for source in sources], seed)
        self.batch = data.batch
        self.serving = serving
        self.seed = seed

    def __getitem__(self, number: int) -> list[Batch]:
        """Return the one batch of group `number`."""
        positions = range(number * self.batch, (number + 1) * self.batch)
        turned = [chance(sample_rng(self.seed + TURN_SEED, position), 0.5) for position in positions]
        lines = [
            turn(self._line(position)) if t else self._line(position)
            for position, t in zip(positions, turned, strict=True)
        ]
        return [{"images": self.serving.prepare(lines), "turned": np.array(turned, np.int64)}]

    def _line(self, position: int) -> Pixels:
        source, index = self.mix.locate(position)
        return self.sources[source].line(index, position).pixels


def turn(line: Pixels) -> Pixels:
    """Return an H×W×3 line turned by 180 degrees."""
    return np.ascontiguousarray(line[::-1, ::-1])
