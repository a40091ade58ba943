"""How a recognizer is trained: alone, or with a peer (U-DML), each with Enhanced CTC if there are centers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from trainer.losses.center import Centers, center_loss
from trainer.losses.ctc import ctc_loss, framewise_loss
from trainer.losses.udml import feature_loss, mutual_logits_loss
from trainer.methods.batch import Losses, RecognitionBatch
from trainer.nets.recognizer import RecognizerConfig, RecognizerOutputs, build_recognizer


@dataclass(frozen=True)
class RecognitionLosses:
    """Which terms join CTC, and how much they weigh."""

    centers: Centers | None = None
    """Class centers, for Enhanced CTC (eq. 10)."""
    center_weight: float = 0.05
    """lambda of eq. 10."""
    framewise: float = 0.0
    """Weight at the start of the cross-entropy at the glyphs' known places."""
    framewise_until: float = 0.8
    """Share of the training at which that weight has faded to 0."""


class PlainRecognition(nn.Module):
    """One network and the labels (PP-OCRv2, eq. 10 without U-DML)."""

    def __init__(self, config: RecognizerConfig, classes: int, terms: RecognitionLosses = RecognitionLosses()) -> None:
        super().__init__()
        self.student = build_recognizer(config, classes)
        self.terms = terms

    def forward(self, batch: RecognitionBatch, progress: float = 0.0) -> Losses:
        """Return the terms of the loss; ``progress`` is the share of the training that is done."""
        return self.label_losses(self.student.outputs(batch["images"]), batch, progress)

    def label_losses(self, outputs: RecognizerOutputs, batch: RecognitionBatch, progress: float) -> Losses:
        """Return the terms that compare one network with the labels."""
        terms = self.terms
        losses = {"ctc": ctc_loss(outputs.logits, batch["labels"], batch["lengths"])}
        if progress < terms.framewise_until and terms.framewise:
            weight = terms.framewise * (1.0 - progress / terms.framewise_until)
            losses["framewise"] = weight * framewise_loss(outputs.logits, batch["targets"])
        if terms.centers is not None:
            centers = terms.centers.to(outputs.logits.device)
            losses["center"] = terms.center_weight * center_loss(outputs.features, outputs.logits, centers)
        return losses


class UdmlRecognition(PlainRecognition):
    """Two networks of one shape that learn from the labels and from each other, from different random states (eq. 9).

    Both heads and both backbones are compared. The paper calls the second network the teacher.
    """

    def __init__(self, config: RecognizerConfig, classes: int, terms: RecognitionLosses = RecognitionLosses()) -> None:
        super().__init__(config, classes, terms)
        self.peer = build_recognizer(config, classes)

    def forward(self, batch: RecognitionBatch, progress: float = 0.0) -> Losses:
        """Return the label terms of both networks, Loss_dml and Loss_feat (eqs. 5, 6 and 8)."""
        student, peer = self.student.outputs(batch["images"]), self.peer.outputs(batch["images"])
        losses = self.label_losses(student, batch, progress)
        losses |= {f"peer_{name}": loss for name, loss in self.label_losses(peer, batch, progress).items()}
        losses["dml"] = mutual_logits_loss(student.logits, peer.logits)
        losses["feature"] = feature_loss(student.backbone, peer.backbone)
        return losses
