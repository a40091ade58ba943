"""Optimisers, learning rates over the steps, and the moving average of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from torch import nn

from trainer.config import OptimizerConfig, ScheduleConfig


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Return an optimiser of the parameters that train; biases and batch norm are not decayed (facts 6.2)."""
    trained = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.betas[0])
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=config.lr, betas=config.betas)


def learning_rate(step: int, base: float, schedule: ScheduleConfig) -> float:
    """Return the learning rate of `step` (0-based): a linear warm-up, then cosine or piecewise constant.

    The paper uses cosine for the detector (facts 3.5) and, for the recognizer, 700 epochs at the full rate and 100 at a
    tenth of it: piecewise with one drop at 0.875 (facts 6.2).
    """
    if step < schedule.warmup:
        return base * (step + 1) / schedule.warmup
    progress = (step - schedule.warmup) / max(schedule.steps - schedule.warmup, 1)
    if schedule.kind == "cosine":
        return base * (schedule.floor + (1 - schedule.floor) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
    drops = sum(step >= at * schedule.steps for at in schedule.drops)
    return base * schedule.factor**drops


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = value


class Ema:
    """An exponential moving average of a module's weights and batch-norm statistics, used wherever it is judged.

    The decay rises with the steps, min(decay, (1 + step) / (10 + step)), so that a short run is not held back by its
    random start.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the average towards `module` after optimiser step `step` (0-based)."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        mine, theirs = _tensors(self.module), _tensors(module)
        floating = [i for i, tensor in enumerate(mine) if tensor.is_floating_point()]
        torch._foreach_lerp_([mine[i] for i in floating], [theirs[i] for i in floating], weight)
        for old, new in zip(mine, theirs, strict=True):
            if not old.is_floating_point():
                old.copy_(new)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return [tensor.data for tensor in _chain(module.parameters(), module.buffers())]


def _chain(*iterables: Iterable[torch.Tensor]) -> Iterable[torch.Tensor]:
    for iterable in iterables:
        yield from iterable
