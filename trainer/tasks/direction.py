"""Training the direction classifier: is a line upright or upside down?"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ocr_core.charset import Charset
from ocr_core.preprocess import Pixels
from trainer.config import ClassifierRun, LineSource
from trainer.data.direction_batches import DirectionGroups, turn
from trainer.data.line_sources import LineFormat, line_title, open_lines, validation_crops
from trainer.data.problems import Problems
from trainer.data.stream import Arrays, stream
from trainer.distributed import World
from trainer.methods.classification import DirectionStudent, PlainClassification
from trainer.tasks.base import Evaluation, Failure, means
from trainer.torch_network import torch_classifier

LINE_HEIGHT = 32
"""Pixels: the recognizer's lines are what it judges in service."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A validation line and what was said of it."""

    line: Pixels
    turned: bool
    wrong: float
    """Probability given to the wrong direction."""
    would_turn: bool
    """What serving would do."""

    @property
    def right(self) -> bool:
        """Whether the likelier answer is right."""
        return self.wrong < 0.5


class DirectionTask:
    """See `Task`."""

    metric = "acc"

    def __init__(self, config: ClassifierRun, root: Path) -> None:
        self.config = config
        self.root = root
        self.form = LineFormat(charset=Charset(config.characters), height=LINE_HEIGHT, grey=False)
        self.problems = Problems()
        self.method = PlainClassification()

    @property
    def student(self) -> DirectionStudent:
        """The network that is judged and exported."""
        return self.method.student

    def stream(self, position: int, world: World, pin: bool) -> Generator[Arrays, None, None]:
        """Yield batches from batch number `position` of this process on."""
        data, config = self.config.data, self.config
        sources = [
            open_lines(source, self.form, self.root, config.seed, data.augment, self.problems) for source in data.train
        ]
        serving = torch_classifier(config, self.student, torch.device("cpu"))
        groups = DirectionGroups(sources, [source.weight for source in data.train], data, serving, config.seed)
        return stream(groups, 1, position, world, config.compute.workers, pin)

    def to_device(self, batch: Arrays, device: torch.device) -> dict[str, Tensor]:
        """Return a batch as tensors; its images are normalised already."""
        return {name: torch.as_tensor(value).to(device, non_blocking=True) for name, value in batch.items()}

    def evaluate(self, student: nn.Module, device: torch.device) -> Evaluation:
        """Judge a network on every line, upright and turned.

        acc: the likelier answer is right. kept: upright lines that serving leaves as they are, at its threshold.
        Each answer is an item: right or not.
        """
        figures: dict[str, float] = {}
        items: dict[str, list[tuple[int, ...]]] = {}
        for source in self.config.data.validate_on:
            answers = list(self._answers(source, student, device))
            upright = [answer for answer in answers if not answer.turned]
            title = line_title(source)
            items[title] = [(int(answer.right),) for answer in answers]
            figures[f"{title}/acc"] = sum(answer.right for answer in answers) / len(answers)
            figures[f"{title}/kept"] = sum(not answer.would_turn for answer in upright) / len(upright)
        return Evaluation(figures | means(figures, ("acc", "kept")), items)

    def failures(self, student: nn.Module, device: torch.device, count: int) -> list[Failure]:
        """Return the lines that were judged wrongly with most confidence."""
        found = [
            Failure(answer.wrong, answer.line, f"{line_title(source)}: {answer.wrong:.2f} sure that it is not so")
            for source in self.config.data.validate_on
            for answer in self._answers(source, student, device)
            if not answer.right
        ]
        return sorted(found, key=lambda failure: -failure.badness)[:count]

    def _answers(self, source: LineSource, student: nn.Module, device: torch.device) -> Iterator[Answer]:
        classifier = torch_classifier(self.config, student, device)
        crops = validation_crops(source, self.form, self.root, self.problems)
        size = self.config.data.batch
        for start in range(0, len(crops), size):
            upright = [crop.pixels for crop in crops[start : start + size]]
            for turned, lines in ((False, upright), (True, [turn(line) for line in upright])):
                output = classifier.network(classifier.prepare(lines))
                would_turn = classifier.finish(output)
                for line, row, flips in zip(lines, output, would_turn, strict=True):
                    yield Answer(line, turned, float(row[int(not turned)]), flips)
