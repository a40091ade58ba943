"""Training a recognizer of text lines."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ocr_core.preprocess import Pixels
from ocr_core.recognition.ctc import Frames
from ocr_core.recognition.recognizer import Recognizer as LineReader
from ocr_core.scoring.scorers import CropScorer, RecognitionScorer, same_text
from ocr_core.scoring.text import edit_distance
from trainer.centers import read_centers
from trainer.config import RecognizerRun
from trainer.data.crops import Crop
from trainer.data.line_sources import LineFormat, line_title, open_lines, validation_crops
from trainer.data.lines import LineGroups
from trainer.data.problems import Problems
from trainer.data.stream import Arrays, stream
from trainer.distributed import World
from trainer.methods.recognition import PlainRecognition, RecognitionLosses, UdmlRecognition
from trainer.nets.recognizer import Recognizer
from trainer.tasks.base import Evaluation, Failure, means
from trainer.torch_network import torch_recognizer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """A validation line and what was read in it."""

    title: str
    """Name of its set."""
    crop: Crop
    text: str


class RecognitionTask:
    """See `Task`."""

    metric = "acc"

    def __init__(self, config: RecognizerRun, root: Path) -> None:
        self.config = config
        self.charset = config.charset
        self.form = LineFormat(charset=self.charset, height=config.net.height, grey=config.net.grey)
        self.root = root
        self.problems = Problems()
        self.method = build_method(config)
        self._validation: list[tuple[str, list[Crop]]] | None = None

    @property
    def student(self) -> Recognizer:
        """The network that is judged and exported."""
        return self.method.student

    def stream(self, position: int, world: World, pin: bool) -> Generator[Arrays, None, None]:
        """Yield batches from batch number `position` of this process on."""
        data, config = self.config.data, self.config
        sources = [
            open_lines(source, self.form, self.root, config.seed, data.augment, self.problems) for source in data.train
        ]
        weights = [source.weight for source in data.train]
        groups = LineGroups(sources, weights, data, self.charset, self.student.frames, config.seed)
        log.info("training data: left out %s", self.problems)
        return stream(groups, data.group, position, world, config.compute.workers, pin)

    def to_device(self, batch: Arrays, device: torch.device) -> dict[str, Tensor]:
        """Return a batch as tensors, images normalised; the texts' lengths stay where CTC asks for them."""
        lengths = torch.as_tensor(batch["lengths"])
        tensors = {name: torch.as_tensor(value).to(device, non_blocking=True) for name, value in batch.items()}
        return tensors | {"lengths": lengths, "images": normalized(tensors["images"], tensors["sizes"])}

    def evaluate(self, student: nn.Module, device: torch.device) -> Evaluation:
        """Judge a network by the lines it reads rightly, set by set and on average; a line is an item: right or not."""
        figures: dict[str, float] = {}
        items: dict[str, list[tuple[int, ...]]] = {}
        for title, readings in itertools.groupby(self._readings(student, device), lambda reading: reading.title):
            loose, strict = CropScorer(), RecognitionScorer()
            items[title] = []
            for reading in readings:
                items[title].append((int(same_text(reading.crop.text, reading.text)),))
                loose.add(reading.crop.text, reading.text)
                strict.add(reading.crop.text, reading.text)
            figures[f"{title}/acc_loose"] = loose.figures()["acc"]
            figures |= {f"{title}/{name}": value for name, value in strict.figures().items()}
        return Evaluation(figures | means(figures, ("acc", "similarity")), items)

    def failures(self, student: nn.Module, device: torch.device, count: int) -> list[Failure]:
        """Return the lines that were read worst, by edit distance."""
        found = []
        for reading in self._readings(student, device):
            distance = edit_distance(reading.crop.text, reading.text)
            if distance:
                caption = f"{reading.title}: {reading.crop.text} → {reading.text or '(nothing)'}"
                found.append(Failure(float(distance), reading.crop.pixels, caption))
        return sorted(found, key=lambda failure: -failure.badness)[:count]

    def _readings(self, student: nn.Module, device: torch.device) -> Iterator[Reading]:
        if self._validation is None:
            self._validation = [
                (line_title(source), validation_crops(source, self.form, self.root, self.problems))
                for source in self.config.data.validate_on
            ]
        recognizer = torch_recognizer(self.config, student, device)
        for title, crops in self._validation:
            texts = read_lines(recognizer, [crop.pixels for crop in crops], self.config.data.batch)
            yield from (Reading(title, crop, text) for crop, text in zip(crops, texts, strict=True))


def build_method(config: RecognizerRun) -> PlainRecognition:
    """Return the networks and losses of a configuration, untrained."""
    method = config.method
    terms = RecognitionLosses(
        centers=read_centers(Path(method.centers), config.charset) if method.centers else None,
        center_weight=method.center_weight,
        framewise=method.framewise,
        framewise_until=method.framewise_until,
    )
    kind = UdmlRecognition if method.distill == "udml" else PlainRecognition
    return kind(config.net, len(config.charset), terms)


def normalized(images: Tensor, sizes: Tensor) -> Tensor:
    """Return N×H×W×C uint8 as N×C×H×W in -1..1, stored channels last, with 0 right of each line's own width."""
    scaled = images.float().sub_(127.5).div_(127.5)
    beyond = torch.arange(images.shape[2], device=images.device) >= sizes[:, None]
    return scaled.masked_fill_(beyond[:, None, :, None], 0.0).permute(0, 3, 1, 2)


def read_lines(recognizer: LineReader, lines: Sequence[Pixels], batch: int) -> list[str]:
    """Return the texts of lines (height×w×3, BGR), computed in batches of lines that share an input width."""
    parts = [(number, window) for number, line in enumerate(lines) for window in recognizer.windows(line)]
    frames: list[list[Frames]] = [[] for _ in lines]
    by_width = sorted(range(len(parts)), key=lambda i: (recognizer.bucket(parts[i][1].shape[1]), i))
    seen: dict[int, Frames] = {}
    for _, group in itertools.groupby(by_width, lambda i: recognizer.bucket(parts[i][1].shape[1])):
        members = list(group)
        for start in range(0, len(members), batch):
            chosen = members[start : start + batch]
            output = recognizer.network(recognizer.prepare([parts[i][1] for i in chosen]))
            seen |= zip(chosen, recognizer.finish(output), strict=True)
    for i, (number, _) in enumerate(parts):
        frames[number].append(seen[i])
    return [recognizer.decode(own, line.shape[1]).text for own, line in zip(frames, lines, strict=True)]
