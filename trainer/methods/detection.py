"""How a detector is trained: alone, with a peer (DML), or with a peer and a teacher (CML) (PP-OCRv2, section 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Self

from trainer.losses.cml import dilated_target, distillation_loss, hard_target
from trainer.losses.db import ShrinkLoss, db_loss
from trainer.losses.dml import mutual_map_loss
from trainer.methods.batch import DetectionBatch, Losses
from trainer.nets.detector import Detector, DetectorConfig, DetectorMaps, build_detector


class PlainDetection(nn.Module):
    """One network and the labels (eq. 1)."""

    def __init__(self, config: DetectorConfig, shrink_loss: ShrinkLoss = "bce") -> None:
        super().__init__()
        self.shrink_loss = shrink_loss
        self.student = build_detector(config)

    def forward(self, batch: DetectionBatch, progress: float = 0.0) -> Losses:  # noqa: ARG002 - as every method
        """Return the terms of the loss; ``progress`` is the share of the training that is done."""
        return self.label_losses(self.student.maps(batch["images"]), batch)

    def label_losses(self, maps: DetectorMaps, batch: DetectionBatch) -> Losses:
        """Return the terms that compare maps with the labels."""
        return db_loss(
            maps,
            batch["shrink_map"],
            batch["shrink_mask"],
            batch["threshold_map"],
            batch["threshold_mask"],
            self.shrink_loss,
        )


class DmlDetection(PlainDetection):
    """Two networks of one shape that learn from the labels and from each other, from different random states."""

    def __init__(self, config: DetectorConfig, shrink_loss: ShrinkLoss = "bce", dml_weight: float = 1.0) -> None:
        super().__init__(config, shrink_loss)
        self.dml_weight = dml_weight
        self.peer = build_detector(config)

    def forward(self, batch: DetectionBatch, progress: float = 0.0) -> Losses:  # noqa: ARG002
        """Return Loss_gt of both and Loss_dml (eqs. 1 and 2)."""
        return self.mutual_losses(self.student.maps(batch["images"]), self.peer.maps(batch["images"]), batch)

    def mutual_losses(self, student: DetectorMaps, peer: DetectorMaps, batch: DetectionBatch) -> Losses:
        """Return the terms that need no teacher."""
        losses = self.label_losses(student, batch)
        losses |= {f"peer_{name}": loss for name, loss in self.label_losses(peer, batch).items()}
        return losses | {"dml": self.dml_weight * mutual_map_loss(student.shrink, peer.shrink)}


class FrozenTeacher(nn.Module):
    """A trained detector that only answers: no gradients, and batch norm in eval whatever ``train()`` says (D9)."""

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Switch nothing but the flag of this module itself."""
        super().train(mode)
        self.network.eval()
        return self

    @torch.no_grad()
    def forward(self, batch: DetectionBatch) -> Tensor:
        """Return the teacher's probability map N x H x W."""
        probability: Tensor = self.network(batch["images"])
        return probability.squeeze(1).float()


class TeacherMaps(nn.Module):
    """A teacher whose maps were computed before and come with the batch, say of a bundle in the store."""

    def forward(self, batch: DetectionBatch) -> Tensor:
        """Return the teacher's probability map N x H x W."""
        return batch["teacher_map"]


class CmlDetection(DmlDetection):
    """Two students that learn from the labels, from each other and from a frozen teacher (eq. 4)."""

    def __init__(
        self,
        config: DetectorConfig,
        teacher: FrozenTeacher | TeacherMaps,
        shrink_loss: ShrinkLoss = "bce",
        dml_weight: float = 1.0,
        dilate: bool = True,
    ) -> None:
        super().__init__(config, shrink_loss, dml_weight)
        self.teacher = teacher
        self.dilate = dilate

    def target(self, teacher_map: Tensor) -> Tensor:
        """Return what is learned of the teacher's probability map N x H x W: its regions, 0 or 1."""
        return dilated_target(teacher_map) if self.dilate else hard_target(teacher_map)

    def forward(self, batch: DetectionBatch, progress: float = 0.0) -> Losses:  # noqa: ARG002
        """Return Loss_gt and Loss_distill of both students and Loss_dml (eqs. 1 to 3)."""
        student, peer = self.student.maps(batch["images"]), self.peer.maps(batch["images"])
        target = self.target(self.teacher(batch))
        losses = self.mutual_losses(student, peer, batch)
        for name, maps in (("distill", student), ("peer_distill", peer)):
            losses[name] = distillation_loss(maps, target, batch["shrink_mask"], self.shrink_loss)
        return losses
