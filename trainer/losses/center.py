"""The center loss of Enhanced CTC and the centers it needs (PP-OCRv2, eqs. 10 to 12; facts 6.4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from trainer.losses.ctc import BLANK
from trainer.nets.recognizer import RecognizerOutputs


class Centers(NamedTuple):
    """The mean feature of each class; constants while training."""

    values: Tensor
    """C x F float32; rows of classes never seen are 0 and unused."""
    counts: Tensor
    """C int64: how many frames each mean is of."""

    def to(self, device: torch.device) -> Centers:
        """Return the centers on a device."""
        return Centers(self.values.to(device), self.counts.to(device))


def center_loss(features: Tensor, logits: Tensor, centers: Centers) -> Tensor:
    """Return the mean over all frames of |x_t - c_y|^2 with y_t = argmax of the logits (eqs. 11 and 12).

    features: N x T x F. logits: N x T x C. A frame whose class has no center counts 0. The mean over frames instead of
    the sum is the released code's (facts D8).
    """
    classes = logits.argmax(2)
    distances = (features.float() - centers.values[classes]).square().sum(2)
    return distances.masked_fill(centers.counts[classes] == 0, 0.0).mean()


class CenterAccumulator:
    """Collects centers from the training lines that a trained recognizer reads rightly."""

    def __init__(self, classes: int, width: int, device: torch.device | None = None) -> None:
        self.sums = torch.zeros(classes, width, dtype=torch.float64, device=device)
        self.counts = torch.zeros(classes, dtype=torch.int64, device=device)

    @torch.no_grad()
    def update(self, outputs: RecognizerOutputs, labels: Tensor, lengths: Tensor) -> int:
        """Add every frame of the lines whose greedy decoding is the label, blanks too; return how many lines those are.

        labels: N x L, padded with 0. lengths: N.
        """
        classes = outputs.logits.argmax(2)
        right = torch.tensor(
            [
                torch.equal(greedy_decode(line), label[:length])
                for line, label, length in zip(classes, labels, lengths.tolist(), strict=True)
            ],
            device=classes.device,
        )
        frames = classes[right].flatten()
        self.sums.index_add_(0, frames, outputs.features[right].flatten(0, 1).double())
        self.counts += torch.bincount(frames, minlength=len(self.counts))
        return int(right.sum())

    def centers(self) -> Centers:
        """Return the means so far."""
        return Centers((self.sums / self.counts.clamp(min=1)[:, None]).float(), self.counts.clone())


def greedy_decode(classes: Tensor) -> Tensor:
    """Return the label that the T frames of one line spell: runs merged, blanks dropped."""
    starts = torch.cat([classes.new_full((1,), BLANK), classes[:-1]]) != classes
    return classes[starts & (classes != BLANK)]
