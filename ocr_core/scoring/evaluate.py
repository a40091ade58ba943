"""Read a labelled set and score what was read, the same way for the service's engine and for any other system."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import OcrError
from ocr_core.pages.images import decode
from ocr_core.pipeline.result import Page, ReadOptions
from ocr_core.scoring.datasets import LabelledSet, PageSet, Region
from ocr_core.scoring.scorers import CropScorer, PageScorer

T = TypeVar("T")


class Reader(Protocol):
    """Any system that reads images. An `OcrError` fails one image; other exceptions end the evaluation."""

    def page(self, image: Path) -> Sequence[Region]:
        """Return the lines of a page."""
        ...

    def crop(self, image: Path) -> str:
        """Return the text of an image that is one line."""
        ...


class Engine(Protocol):
    """What is needed of `ocr_core.pipeline.Engine`."""

    def read(self, pixels: NDArray[np.uint8], options: ReadOptions) -> Page:
        """Read H×W×3 BGR pixels."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How well a set was read."""

    dataset: str
    images: int
    figures: dict[str, float]
    """Of pages `word_f1` and `char_f1`, where labels are lines `det_h` and `e2e_h`, where they stand in reading order
    `order`; of crops `acc` and `acc_full`."""
    seconds: float
    """Median seconds an image, one at a time, from the file to the text."""
    failures: tuple[str, ...]
    """What went wrong, by image. A failed image counts as one without text."""


class EngineReader:
    """Reads files with an engine of this package."""

    def __init__(self, engine: Engine, options: ReadOptions | None = None) -> None:
        self._engine = engine
        self._page = options or ReadOptions()
        self._crop = replace(self._page, detect=False)

    def page(self, image: Path) -> list[Region]:
        """Return the lines of a page."""
        lines = self._engine.read(decode(image.read_bytes()).pixels, self._page).lines
        return [Region.of(line.quad, line.text) for line in lines]

    def crop(self, image: Path) -> str:
        """Return the text of an image that is one line."""
        lines = self._engine.read(decode(image.read_bytes()).pixels, self._crop).lines
        return "".join(line.text for line in lines)


def evaluate(dataset: LabelledSet, reader: Reader, *, progress: Callable[[], None] | None = None) -> Report:
    """Read every image of `dataset` and score it. `progress` is called after each image.

    Raises:
        FileNotFoundError: an image of the set is missing.
    """
    attempts = _Attempts(progress)
    scorer: PageScorer | CropScorer
    if isinstance(dataset, PageSet):
        scorer = PageScorer(by_line=dataset.by_line, ordered=dataset.ordered)
        for page in dataset.rows:
            scorer.add(page.lines, attempts(reader.page, dataset.path(page), ()))
    else:
        scorer = CropScorer()
        for crop in dataset.rows:
            scorer.add(crop.text, attempts(reader.crop, dataset.path(crop), ""))
    return Report(
        dataset=dataset.name,
        images=len(dataset.rows),
        figures=scorer.figures(),
        seconds=statistics.median(attempts.seconds),
        failures=tuple(attempts.failures),
    )


class _Attempts:
    """Calls a reader, keeps the time and the failures."""

    def __init__(self, progress: Callable[[], None] | None) -> None:
        self.failures: list[str] = []
        self.seconds: list[float] = []
        self._progress = progress

    def __call__(self, read: Callable[[Path], T], image: Path, nothing: T) -> T:
        start = time.perf_counter()
        try:
            return read(image)
        except OcrError as error:
            self.failures.append(f"{image.name}: {error}")
            return nothing
        finally:
            self.seconds.append(time.perf_counter() - start)
            if self._progress is not None:
                self._progress()
