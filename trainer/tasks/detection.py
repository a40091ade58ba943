"""Training a detector of text lines."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ocr_core.detection.detector import Detector as TextDetector
from ocr_core.geometry import Points
from ocr_core.preprocess import Pixels
from ocr_core.scoring.datasets import Region
from ocr_core.scoring.scorers import DetectionScorer
from trainer.checkpoint import load_weights, read_tensors
from trainer.config import DetectorRun, LabelledSource, PageSource, parse_config
from trainer.data.db_targets import db_targets
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
from trainer.tasks.base import Evaluation, Failure, means
from trainer.torch_network import IMAGENET_MEAN, IMAGENET_STD, torch_detector

log = logging.getLogger(__name__)

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
        self._teacher: dict[str, float] = {}

    @property
    def student(self) -> Detector:
        """The network that is judged and exported."""
        return self.method.student

    def stream(self, position: int, world: World, pin: bool) -> Generator[Arrays, None, None]:
        """Yield batches from batch number `position` of this process on.

        Raises:
            ConfigError: a source is missing, or lacks the teacher's maps.
        """
        self._check_maps()
        data, config = self.config.data, self.config
        sources = [open_pages(source, self.root, config.seed, self.problems) for source in data.train]
        weights = [source.weight for source in data.train]
        groups = PageGroups(sources, weights, data, config.seed, config.method.teacher == MAPS)
        return stream(groups, data.group, position, world, config.compute.workers, pin)

    def _check_maps(self) -> None:
        """See to it that no labels stand in for the teacher: of labelled pages they would be taken unnoticed."""
        if not (isinstance(self.method, CmlDetection) and self.config.method.teacher == MAPS):
            return
        for source in self.config.data.train:
            if isinstance(source, LabelledSource) and not source.maps:
                raise ConfigError(
                    f"method.teacher = '{MAPS}' needs maps of {source.path}: write them with `trainer label --maps`"
                    " and name their folder as the source's maps"
                )

    def to_device(self, batch: Arrays, device: torch.device) -> dict[str, Tensor]:
        """Return a batch as tensors, images normalised."""
        tensors = {name: torch.as_tensor(value).to(device, non_blocking=True) for name, value in batch.items()}
        floats = {name: tensor.float() for name, tensor in tensors.items()}
        if "teacher_map" in floats:
            floats["teacher_map"] /= 255
        return floats | {"images": normalized(floats["images"])}

    def evaluate(self, student: nn.Module, device: torch.device) -> Evaluation:
        """Judge a network by precision, recall and Hmean of its boxes, set by set and on average.

        A page is an item: how many boxes match, are labelled and were found. With CML, `teacher_hmean` is the
        teacher's, by the same boxes from its maps, and `target_hmean` that of the regions which it teaches.
        """
        judged = _judge(self._findings(torch_detector(self.config, student, device)))
        return judged._replace(figures=judged.figures | self._teacher_figures(judged.figures, device))

    def _teacher_figures(self, student: dict[str, float], device: torch.device) -> dict[str, float]:
        """Return the teacher's Hmean, and warn where the student has nothing to learn from it."""
        if not isinstance(self.method, CmlDetection):
            return {}
        if self.config.method.teacher == MAPS and any(
            isinstance(source, LabelledSource) and not source.maps for source in self.config.data.validate_on
        ):
            log.warning("whether the teacher is worth learning from is unknown: give data.validate_on its maps too")
            return {}
        if not self._teacher:
            self._teacher["teacher_hmean"] = _judge(self._teacher_findings(device)).figures["hmean"]
            if self.config.method.teacher == MAPS:
                self._teacher["target_hmean"] = _judge(self._map_findings(self.method.target)).figures["hmean"]
        worst = min(self._teacher.values())
        if worst <= student["hmean"]:
            log.warning(
                "the teacher, or what it teaches (Hmean %.3f), is no better than its student (%.3f) on the validation"
                " pages: take a better one, do without method.dilate, or train without a teacher",
                worst,
                student["hmean"],
            )
        return self._teacher

    def failures(self, student: nn.Module, device: torch.device, count: int) -> list[Failure]:
        """Return the pages of the lowest Hmean: labels green, or grey where ignored; boxes found red."""
        found = []
        for finding in self._findings(torch_detector(self.config, student, device)):
            scorer = DetectionScorer()
            _add(scorer, finding)
            figures = scorer.figures()
            caption = f"{finding.title}: " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
            found.append(Failure(1 - figures["hmean"], _drawn(finding), caption))
        return sorted(found, key=lambda failure: -failure.badness)[:count]

    def _findings(self, detector: TextDetector) -> Iterator[Finding]:
        for source in self.config.data.validate_on:
            for page in self.validation_pages(source):
                output = detector.network(detector.prepare(page.pixels))
                quads = [found.quad for found in detector.finish(output, page.size)]
                yield Finding(page_title(source), page, quads)

    def _teacher_findings(self, device: torch.device) -> Iterator[Finding]:
        assert isinstance(self.method, CmlDetection)
        if isinstance(self.method.teacher, FrozenTeacher):
            yield from self._findings(torch_detector(self.config, self.method.teacher.network, device))
        else:
            yield from self._map_findings()

    def _map_findings(self, change: Callable[[Tensor], Tensor] | None = None) -> Iterator[Finding]:
        """Find boxes in the teacher's maps on disk, 1 x H x W each, as `change` makes them."""
        detector = torch_detector(self.config, self.student, torch.device("cpu"))
        for source in self.config.data.validate_on:
            for page in self.validation_pages(source):
                found = _map_of(page, detector)
                changed = change(torch.from_numpy(found[0])).numpy()[None] if change else found
                yield Finding(page_title(source), page, [box.quad for box in detector.finish(changed, page.size)])

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
        return DmlDetection(config.net, method.shrink_loss, method.dml_weight)
    if not method.teacher:
        raise ConfigError("method.distill = 'cml' needs method.teacher")
    teacher = TeacherMaps() if method.teacher == MAPS else FrozenTeacher(load_detector(Path(method.teacher)))
    return CmlDetection(config.net, teacher, method.shrink_loss, method.dml_weight, method.dilate)


def load_detector(state: Path) -> Detector:
    """Return the trained detector of a state file.

    Raises:
        ConfigError: it holds no detector.
    """
    config = parse_config(read_tensors(state)[1].get("config", {}), str(state))
    if not isinstance(config, DetectorRun):
        raise ConfigError(f"{state} holds no detector")
    # Its random start is overwritten: it must not cost the students theirs, or runs of one seed would differ by it.
    with torch.random.fork_rng(devices=[]):
        network = build_detector(config.net)
    load_weights(network, state)
    return network


def _map_of(page: PageSample, detector: TextDetector) -> NDArray[np.float32]:
    """Return the teacher's map of a page, or the truth where it has none, as the detector's output 1×1×H×W."""
    truth = db_targets(page.polygons, page.ignore, page.pixels.shape[:2], 0.0).shrink_map * np.uint8(255)
    height, width = detector.prepare(page.pixels).shape[2:]
    known = truth if page.teacher is None else page.teacher
    scaled = cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, np.float32)[None, None] / np.float32(255)


def _judge(findings: Iterable[Finding]) -> Evaluation:
    figures: dict[str, float] = {}
    items: dict[str, list[tuple[int, ...]]] = {}
    for title, found in itertools.groupby(findings, lambda finding: finding.title):
        total, items[title] = DetectionScorer(), []
        for finding in found:
            page = DetectionScorer()
            _add(page, finding)
            total.tally += page.tally
            items[title].append((page.tally.matched, page.tally.truth, page.tally.found))
        figures |= {f"{title}/{name}": value for name, value in total.figures().items()}
    return Evaluation(figures | means(figures, ("precision", "recall", "hmean")), items)


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
