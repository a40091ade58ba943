"""The seam between the loop and what it trains."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import torch
from torch import Tensor, nn

from trainer.data.stream import Arrays
from trainer.distributed import World

VALIDATION_SEED = 2**62
"""Rendered validation data comes from a seed that no training uses."""


class Task(Protocol):
    """A method to train and a way to judge its student."""

    metric: str
    """The figure, higher is better, by which the best state is chosen."""

    @property
    def method(self) -> nn.Module:
        """`method(batch, progress)` returns the weighted terms of the loss by name; progress runs from 0 to 1."""
        ...

    @property
    def student(self) -> nn.Module:
        """The one network that is judged, exported and published; a part of `method`."""
        ...

    def stream(self, position: int, world: World, pin: bool) -> Generator[Arrays, None, None]:
        """Yield batches from batch number `position` of this process on."""
        ...

    def to_device(self, batch: Arrays, device: torch.device) -> dict[str, Tensor]:
        """Return a batch as tensors, images normalised."""
        ...

    def evaluate(self, student: nn.Module, device: torch.device) -> dict[str, float]:
        """Judge a network by the validation data, through the code that serves."""
        ...
