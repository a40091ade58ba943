"""The loss of differentiable binarization (PP-OCRv2, eq. 1; facts 2.5).

Maps and targets are float N x H x W with values in [0, 1], masks the weights of their pixels; every sum runs over the
whole batch.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from trainer.nets.detector import DetectorMaps

ShrinkLoss = Literal["bce", "dice"]
SHRINK_WEIGHT = 5.0
"""alpha. The paper's text puts it on the binary map; DB and the released code put it on the shrink map (facts D2)."""
THRESHOLD_WEIGHT = 10.0
"""beta."""
NEGATIVE_RATIO = 3
EPS = 1e-6


def masked_l1(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return sum(|x - t| m) / (sum(m) + eps): l_t, for the threshold map."""
    return ((predicted - target).abs() * mask).sum() / (mask.sum() + EPS)


def dice_loss(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return 1 - 2 sum(x t m) / (sum(x m) + sum(t m) + eps): l_b, for the binary map.

    Without any text in the batch that is 1 whatever x is; then the mean of x is returned, so that x still falls.
    """
    text = (target * mask).sum()
    found = (predicted * mask).sum()
    dice = 1 - 2 * (predicted * target * mask).sum() / (found + text + EPS)
    return torch.where(text > 0, dice, found / (mask.sum() + EPS))


def balanced_bce(predicted: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the binary cross-entropy over all text and the hardest background, 3 pixels of it for each of text: l_p.

    Without any text in the batch all background counts.
    """
    with torch.autocast(predicted.device.type, enabled=False):
        losses = nn.functional.binary_cross_entropy(predicted, target, reduction="none")
    positive = target * mask
    negative = (1 - target) * mask
    positives, negatives = positive.sum(), negative.sum()
    hardest = torch.where(positives > 0, torch.minimum(negatives, (positives * NEGATIVE_RATIO).floor()), negatives)
    of_text = (losses * positive).sum()
    of_background = sum_of_largest((losses * negative).flatten(), hardest)
    return (of_text + of_background) / (positives + hardest + EPS)


def sum_of_largest(values: Tensor, count: Tensor) -> Tensor:
    """Return the sum of the `count` (a whole number, of any shape with one element) largest of `values` >= 0, M.

    On a GPU all are sorted, so that it need not be asked how many that is; a CPU knows, and finds them faster.
    """
    if values.device.type != "cpu":
        ranks = torch.arange(len(values), device=values.device)
        return torch.where(ranks < count, values.sort(descending=True).values, 0.0).sum()
    wanted = int(count)
    return values.topk(wanted, sorted=False).values.sum() if wanted < len(values) else values.sum()


def shrink_loss(predicted: Tensor, target: Tensor, mask: Tensor, kind: ShrinkLoss) -> Tensor:
    """Return the loss of the shrink map: ``bce`` as in the paper, ``dice`` as in the released code (facts D1)."""
    return balanced_bce(predicted, target, mask) if kind == "bce" else dice_loss(predicted, target, mask)


def db_loss(
    maps: DetectorMaps,
    shrink_map: Tensor,
    shrink_mask: Tensor,
    threshold_map: Tensor,
    threshold_mask: Tensor,
    kind: ShrinkLoss,
) -> dict[str, Tensor]:
    """Return the weighted terms whose sum is Loss_gt = 5 l_p + 10 l_t + l_b (PP-OCRv2, eq. 1, weights as in DB)."""
    return {
        "shrink": SHRINK_WEIGHT * shrink_loss(maps.shrink, shrink_map, shrink_mask, kind),
        "threshold": THRESHOLD_WEIGHT * masked_l1(maps.threshold, threshold_map, threshold_mask),
        "binary": dice_loss(maps.binary, shrink_map, shrink_mask),
    }
