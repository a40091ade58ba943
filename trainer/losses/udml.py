"""Unified deep mutual learning of two recognizers (PP-OCRv2, eqs. 6 to 8; facts 6.1)."""

from __future__ import annotations

from torch import Tensor, nn


def mutual_logits_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return (KL(p || q) + KL(q || p)) / 2 of p = softmax(first), q = softmax(second) (eqs. 6 and 7).

    Logits are N x T x C; the sum over frames and classes is divided by N. The target of each direction is detached,
    so that each network is drawn to the other and neither is drawn away from the labels by its own copy.
    """
    p, q = first.float().log_softmax(2), second.float().log_softmax(2)
    kl = nn.functional.kl_div
    both = kl(p, q.detach(), reduction="sum", log_target=True) + kl(q, p.detach(), reduction="sum", log_target=True)
    return both / (2 * len(first))


def feature_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean square difference of the backbones' outputs; gradients reach both (eq. 8)."""
    return nn.functional.mse_loss(first.float(), second.float())
