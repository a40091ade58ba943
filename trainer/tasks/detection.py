"""Training a detector of text lines."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ocr_core.geometry import Points
from ocr_core.preprocess import Pixels
from ocr_core.scoring.datasets import Region
from ocr_core.scoring.scorers import DetectionScorer
from trainer.checkpoint import load_weights, read_tensors
from trainer.config import DetectorRun, PageSource, parse_config
from trainer.data.line_sources import VALIDATION_SEED
from trainer.data.page_batches import PageGroups
from trainer.data.page_sources import all_pages, open_pages, page_title
from trainer.data.pages import PageSample
from trainer.data.problems import Problems
from trainer.data.stream import Arrays, stream
from trainer.distributed import World
from trainer.errors import ConfigError
from trainer.methods.detection import CmlDetection, DmlDetection, FrozenTeacher, PlainDetection, TeacherMaps
from trainer.nets.detector import Detector, build_detector
from trainer.tasks.base import Failure, means
from trainer.torch_network import IMAGENET_MEAN, IMAGENET_STD, torch_detector

MAPS = "maps"
"""The value of `method.teacher` for maps on disk."""
SHOWN = 640
GREEN, RED, GREY = (0, 160, 0), (0, 0, 255), (160, 160, 160)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A validation page and the boxes that were found in it."""

    title: str
    """Name of its set."""
    page: PageSample
    quads: list[Points]


class DetectionTask:
    """See `Task`."""

    metric = "hmean"

    def __init__(self, config: DetectorRun, root: Path) -> None:
        self.config = config
        self.root = root
        self.problems = Problems()
        self.method = build_method(config)

    @property
    def student(self) -> Detector:
        """The network that is judged and exported."""
        return self.method.student

    def stream(self, position: int, world: World, pin: bool) -> Generator[Arrays, None, None]:
        """Yield batches from batch number `position` of this process on."""
        data, config = self.config.data, self.config
        sources = [open_pages(source, self.root, config.seed, self.problems) for source in data.train]
        weights = [source.weight for source in data.train]
        groups = PageGroups(sources, weights, data, config.seed, config.method.teacher == MAPS)
        return stream(groups, data.group, position, world, config.compute.workers, pin)

    def to_device(self, batch: Arrays, device: torch.device) -> dict[str, Tensor]:
        """Return a batch as tensors, images normalised."""
        tensors = {name: torch.as_tensor(value).to(device, non_blocking=True) for name, value in batch.items()}
        floats = {name: tensor.float() for name, tensor in tensors.items()}
        if "teacher_map" in floats:
            floats["teacher_map"] /= 255
        return floats | {"images": normalized(floats["images"])}

    def evaluate(self, student: nn.Module, device: torch.device) -> dict[str, float]:
        """Judge a network by precision, recall and Hmean of its boxes, set by set and on average."""
        figures: dict[str, float] = {}
        for title, findings in itertools.groupby(self._findings(student, device), lambda finding: finding.title):
            scorer = DetectionScorer()
            for finding in findings:
                _add(scorer, finding)
            figures |= {f"{title}/{name}": value for name, value in scorer.figures().items()}
        return figures | means(figures, ("precision", "recall", "hmean"))

    def failures(self, student: nn.Module, device: torch.device, count: int) -> list[Failure]:
        """Return the pages of the lowest Hmean: labels green, or grey where ignored; boxes found red."""
        found = []
        for finding in self._findings(student, device):
            scorer = DetectionScorer()
            _add(scorer, finding)
            figures = scorer.figures()
            caption = f"{finding.title}: " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
            found.append(Failure(1 - figures["hmean"], _drawn(finding), caption))
        return sorted(found, key=lambda failure: -failure.badness)[:count]

    def _findings(self, student: nn.Module, device: torch.device) -> Iterator[Finding]:
        detector = torch_detector(self.config, student, device)
        for source in self.config.data.validate_on:
            for page in self.validation_pages(source):
                output = detector.network(detector.prepare(page.pixels))
                quads = [found.quad for found in detector.finish(output, page.size)]
                yield Finding(page_title(source), page, quads)

    def validation_pages(self, source: PageSource) -> Iterator[PageSample]:
        """Yield the pages of a source to validate on."""
        return all_pages(source, self.root, VALIDATION_SEED, self.problems)


def build_method(config: DetectorRun) -> PlainDetection:
    """Return the networks and losses of a configuration, untrained but for the teacher.

    Raises:
        ConfigError: CML without a teacher, or a teacher's state that does not fit.
    """
    method = config.method
    if method.distill == "none":
        return PlainDetection(config.net, method.shrink_loss)
    if method.distill == "dml":
        return DmlDetection(config.net, method.shrink_loss)
    if not method.teacher:
        raise ConfigError("method.distill = 'cml' needs method.teacher")
    teacher = TeacherMaps() if method.teacher == MAPS else FrozenTeacher(load_detector(Path(method.teacher)))
    return CmlDetection(config.net, teacher, method.shrink_loss)


def load_detector(state: Path) -> Detector:
    """Return the trained detector of a state file.

    Raises:
        ConfigError: it holds no detector.
    """
    config = parse_config(read_tensors(state)[1].get("config", {}), str(state))
    if not isinstance(config, DetectorRun):
        raise ConfigError(f"{state} holds no detector")
    network = build_detector(config.net)
    load_weights(network, state)
    return network


def _add(scorer: DetectionScorer, finding: Finding) -> None:
    labels = [Region.of(polygon, "").points for polygon in finding.page.polygons]
    scorer.add(labels, finding.page.ignore, [Region.of(quad, "").points for quad in finding.quads])


def _drawn(finding: Finding) -> Pixels:
    """Return the page with its boxes, at most `SHOWN` pixels wide and high."""
    page = finding.page
    factor = min(1.0, SHOWN / max(page.size))
    canvas = np.asarray(cv2.resize(page.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    for polygon, skip in zip(page.polygons, page.ignore, strict=True):
        cv2.polylines(canvas, [(polygon * factor).astype(np.int32)], True, GREY if skip else GREEN, 2)
    cv2.polylines(canvas, [(quad * factor).astype(np.int32) for quad in finding.quads], True, RED, 1)
    return canvas


def normalized(images: Tensor) -> Tensor:
    """Return N×H×W×3 pixels 0..255 as N×3×H×W, normalised and stored channels last."""
    mean, std = (torch.tensor(values, device=images.device) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((images - mean) / std).permute(0, 3, 1, 2)
