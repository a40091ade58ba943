"""A trained network made twice as wide without unlearning anything (Net2Net: Chen, Goodfellow and Shlens, 2016)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.run.classes import ROWS

UNLIKE = 0.5
"""How far the weights of two copies are drawn apart, in standard deviations of what each of them weighs: copies that
are alike would get like gradients, and stay one channel for ever."""


def widened(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state's `tensors` doubled wherever those of the same name in `own` are twice as large.

    Each channel becomes two, c and c + C, which compute the same; what reads them gives each of them half of the
    weight, one a little more and one as much less. So the network computes what it did. The rows of classes stay.
    """
    return {name: _doubled(name, tensor, own[name]) if name in own else tensor for name, tensor in tensors.items()}


def _doubled(name: str, tensor: Tensor, like: Tensor) -> Tensor:
    if tensor.ndim != like.ndim or not tensor.ndim:
        return tensor
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    if tensor.ndim > 1 and like.shape[1] == 2 * tensor.shape[1]:
        half = tensor / 2
        # Twice as many rows at once, so that copies of an output differ too.
        rows = torch.cat([half, half]) if _grows(name, tensor, like) else half
        apart = UNLIKE * half.std() * torch.randn(rows.shape)
        return torch.cat([rows + apart, rows - apart], dim=1)
    return torch.cat([tensor, tensor]) if _grows(name, tensor, like) else tensor


def _grows(name: str, tensor: Tensor, like: Tensor) -> bool:
    return name not in ROWS and like.shape[0] == 2 * tensor.shape[0]
