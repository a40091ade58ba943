"""How the direction classifier is trained: cross-entropy (facts 4.4)."""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor, nn

from trainer.methods.batch import Losses
from trainer.nets.mobilenet_v3 import DirectionClassifier


class DirectionBatch(TypedDict):
    """Lines, upright or not."""

    images: Tensor
    """N x 3 x H x W, normalised."""
    turned: Tensor
    """N int64: 1 where the line is upside down."""


class DirectionStudent(nn.Module):
    """The classifier with probabilities as its answer, as it is exported."""

    def __init__(self) -> None:
        super().__init__()
        self.network = DirectionClassifier()

    def forward(self, image: Tensor) -> Tensor:
        """Return the probabilities N x 2 of 0 and 180 degrees."""
        logits: Tensor = self.network(image)
        return logits.float().softmax(1)


class PlainClassification(nn.Module):
    """One network and the labels."""

    def __init__(self) -> None:
        super().__init__()
        self.student = DirectionStudent()

    def forward(self, batch: DirectionBatch, progress: float = 0.0) -> Losses:  # noqa: ARG002 - as every method
        """Return the terms of the loss; ``progress`` is the share of the training that is done."""
        logits = self.student.network(batch["images"])
        return {"cross_entropy": nn.functional.cross_entropy(logits.float(), batch["turned"])}
