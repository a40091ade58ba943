"""What a frozen teacher's map adds in collaborative mutual learning (PP-OCRv2, eq. 3; facts 3.3)."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.losses.db import SHRINK_WEIGHT, ShrinkLoss, dice_loss, shrink_loss
from trainer.nets.detector import DetectorMaps

TEACHER_THRESHOLD = 0.3


def hard_target(teacher_map: Tensor) -> Tensor:
    """Return 1 where the teacher's map N x H x W passes 0.3, which is `dilated_target` before it grows."""
    return (teacher_map.detach() > TEACHER_THRESHOLD).float()


def dilated_target(teacher_map: Tensor) -> Tensor:
    """Return f_dila of the teacher's map N x H x W: 1 where it passes 0.3, grown by the 2 x 2 kernel of ones.

    Regions grow by one pixel to the right and one down, as under OpenCV's dilate. The paper's formula dilates the
    student's map; its text and the released code dilate the teacher's, and so does this (facts D3).
    """
    text = hard_target(teacher_map)
    padded = nn.functional.pad(text, (1, 0, 1, 0))
    return nn.functional.max_pool2d(padded.unsqueeze(1), 2, stride=1).squeeze(1)


def distillation_loss(maps: DetectorMaps, target: Tensor, shrink_mask: Tensor, kind: ShrinkLoss) -> Tensor:
    """Return Loss_distill = 5 l_p(P, t) + l_b(B, t), t of `dilated_target`; ignored regions are masked (eq. 3)."""
    hard = SHRINK_WEIGHT * shrink_loss(maps.shrink, target, shrink_mask, kind)
    return hard + dice_loss(maps.binary, target, shrink_mask)
