"""The seam between the loop and what it trains."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ocr_core.preprocess import Pixels
from trainer.data.problems import Problems
from trainer.data.stream import Arrays
from trainer.distributed import World


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Something that a network did badly, for a person to look at."""

    badness: float
    """The higher, the worse; comparable within one task."""
    pixels: Pixels
    caption: str


class Evaluation(NamedTuple):
    """What a network is worth on the validation data."""

    figures: dict[str, float]
    """Shares from 0 to 1 by name."""
    items: dict[str, list[tuple[int, ...]]]
    """By set, what was counted in each of its samples, so that an interval can be told of a figure."""


class Task(Protocol):
    """A method to train and a way to judge its student."""

    metric: str
    """The figure, higher is better, by which the best state is chosen."""
    problems: Problems
    """Samples that were found to be unusable when the data was opened."""

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

    def evaluate(self, student: nn.Module, device: torch.device) -> Evaluation:
        """Judge a network by the validation data, through the code that serves."""
        ...

    def failures(self, student: nn.Module, device: torch.device, count: int) -> list[Failure]:
        """Return the worst of what a network does on the validation data, the worst first."""
        ...


def means(figures: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return each figure's mean over the sets, of figures called `set/name`."""
    by_name = {name: [value for key, value in figures.items() if key.endswith(f"/{name}")] for name in names}
    return {name: sum(values) / len(values) for name, values in by_name.items()}
