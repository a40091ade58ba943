"""One image on its way through the pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ocr_core.geometry import Points, turn_points
from ocr_core.layout.order import reading_order
from ocr_core.pipeline import orientation
from ocr_core.pipeline.result import Line, Page, ReadOptions, Word
from ocr_core.pipeline.runner import Networks, Runner
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import LEVELLED, cut_line, is_tall, level
from ocr_core.recognition.recognizer import Reading
from ocr_core.recognition.words import span_quad, split_words

READS_BADLY = 0.5
"""A line that reads with less confidence is tried upside down."""
SLANTED = 0.95
"""A picture of one line that reads with less confidence is tried along slopes and bows,"""
BETTER = 0.05
"""one of which must read better by so much,"""
SHORT = 0.5
"""where so much, divided by the number of its characters, is taken off: it is easy to be sure of one letter of many."""


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    quad: Points
    reading: Reading


class Call:
    """The state of one call; everything it shares with others is immutable."""

    def __init__(self, networks: Networks, runner: Runner, options: ReadOptions) -> None:
        self._networks = networks
        self._runner = runner
        self._options = options
        self._seconds: dict[str, float] = {}

    def read(self, pixels: Pixels) -> Page:
        """Read H×W×3 BGR pixels."""
        height, width = pixels.shape[:2]
        if not self._options.detect:
            whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            return self._page(self._level(pixels, self._read_lines(pixels, [whole])), (width, height), 0)
        rotation, lines = self._read_upright(pixels)
        with self._stage("post"):
            lines = [line for line in lines if line.reading.text]
            lines = [lines[i] for i in reading_order([line.quad for line in lines])]
        return self._page(lines, (width, height), rotation)

    def _read_upright(self, pixels: Pixels) -> tuple[int, list[_Line]]:
        """Return the turn that makes the page upright, and its lines in the pixels of the turned page."""
        quads = self._detect(pixels)
        rotation = self._which_side(pixels, quads) if orientation.lies_on_its_side(quads) else 0
        if not rotation:
            lines = self._read_downward(pixels, quads)
            rotation = self._how_turned(pixels, quads, lines)
            if not rotation:
                return 0, self._settle(pixels, quads, lines)
        # Searched again as it should stand: detectors see less in pages that lie on their side.
        turned = np.ascontiguousarray(np.rot90(pixels, -rotation // 90))
        quads = self._detect(turned)
        return rotation, self._settle(turned, quads, self._read_downward(turned, quads))

    def _which_side(self, pixels: Pixels, quads: Sequence[Points]) -> int:
        """Return 270 if lines read downwards, 90 if upwards, 0 if neither makes sense (upright columns of signs)."""
        tall = [orientation.downward(quad) for quad in quads if is_tall(quad)]
        picked = [tall[i] for i in orientation.sample(tall)]
        down = self._confidences(pixels, picked)
        up = self._confidences(pixels, [orientation.flipped(quad) for quad in picked])
        if max(np.mean(down), np.mean(up)) < READS_BADLY:
            return 0
        return 270 if np.mean(down) >= np.mean(up) else 90

    def _how_turned(self, pixels: Pixels, quads: Sequence[Points], lines: Sequence[_Line]) -> int:
        """Return by how much to turn a page whose lines run across, as it seems; 0 if they read no better turned.

        A detector may join the letters of lines that run up or down across those lines, so that none looks tall.
        """
        across = [line for quad, line in zip(quads, lines, strict=True) if not is_tall(quad)]
        picked = [across[i] for i in orientation.sample([line.quad for line in across])]
        this = [line.reading.confidence for line in picked]
        if not picked or np.mean(this) >= orientation.READS_WELL:
            return 0
        ways = {180: self._confidences(pixels, [orientation.flipped(line.quad) for line in picked])}
        if np.mean(ways[180]) < orientation.READS_WELL:
            ways |= self._sideways(pixels)
        best = max(ways, key=lambda rotation: float(np.mean(ways[rotation])))
        return best if orientation.is_better(ways[best], this) else 0

    def _sideways(self, pixels: Pixels) -> dict[int, list[float]]:
        """Return how surely the longest lines of the page read when it is turned by 90 and by 270 degrees."""
        turned = np.ascontiguousarray(np.rot90(pixels, -1))
        quads = [quad for quad in self._detect(turned) if not is_tall(quad)]
        picked = [quads[i] for i in orientation.sample(quads)]
        if not picked:
            return {}
        flipped = [orientation.flipped(quad) for quad in picked]
        return {90: self._confidences(turned, picked), 270: self._confidences(turned, flipped)}

    def _read_downward(self, pixels: Pixels, quads: Sequence[Points]) -> list[_Line]:
        return self._read_lines(pixels, [orientation.downward(quad) for quad in quads])

    def _settle(self, pixels: Pixels, quads: Sequence[Points], lines: list[_Line]) -> list[_Line]:
        """Read lines whose direction is in doubt the other way too, or as the classifier says; keep the better."""
        doubtful = [i for i, line in enumerate(lines) if self._is_doubtful(quads[i], line)]
        doubtful = self._classified(pixels, lines, doubtful)
        turned = self._read_lines(pixels, [orientation.flipped(lines[i].quad) for i in doubtful])
        for i, other in zip(doubtful, turned, strict=True):
            if other.reading.confidence > lines[i].reading.confidence + orientation.MARGIN:
                lines[i] = other
        return lines

    @staticmethod
    def _is_doubtful(quad: Points, line: _Line) -> bool:
        sure = orientation.READS_WELL if is_tall(quad) else READS_BADLY
        return line.reading.confidence < sure

    def _classified(self, pixels: Pixels, lines: Sequence[_Line], doubtful: list[int]) -> list[int]:
        """Keep of the doubtful lines those that the classifier, if there is one, takes for upside down."""
        classifier = self._networks.classifier
        if classifier is None or not doubtful:
            return doubtful
        with self._stage("crop"):
            crops = [cut_line(pixels, lines[i].quad, classifier.spec.height) for i in doubtful]
        with self._stage("cls"):
            verdicts = classifier.finish(self._runner.classify(classifier.prepare(crops)))
        return [i for i, is_turned in zip(doubtful, verdicts, strict=True) if is_turned]

    def _confidences(self, pixels: Pixels, quads: Sequence[Points]) -> list[float]:
        return [line.reading.confidence for line in self._read_lines(pixels, quads)]

    def _detect(self, pixels: Pixels) -> list[Points]:
        detector = self._networks.detector
        with self._stage("det"):
            output = self._runner.detect(detector.prepare(pixels))
        with self._stage("post"):
            return [found.quad for found in detector.finish(output, (pixels.shape[1], pixels.shape[0]))]

    def _level(self, pixels: Pixels, lines: list[_Line]) -> list[_Line]:
        """Read a picture of one line, if it reads badly, along slopes and bows too; keep the better."""
        (line,) = lines
        if line.reading.confidence >= SLANTED or is_tall(line.quad):
            return lines
        height = self._networks.recognizer.spec.height
        with self._stage("crop"):
            crops = [level(pixels, height, slope, bow) for slope, bow in LEVELLED]
        best = max(self._read_crops(crops), key=_credit)
        return [_Line(line.quad, best)] if _credit(best) > _credit(line.reading) + BETTER else lines

    def _read_lines(self, pixels: Pixels, quads: Sequence[Points]) -> list[_Line]:
        with self._stage("crop"):
            crops = [cut_line(pixels, quad, self._networks.recognizer.spec.height) for quad in quads]
        return [_Line(quad, reading) for quad, reading in zip(quads, self._read_crops(crops), strict=True)]

    def _read_crops(self, crops: Sequence[Pixels]) -> list[Reading]:
        recognizer = self._networks.recognizer
        windows = [recognizer.windows(crop) for crop in crops]
        with self._stage("rec"):
            frames = iter(self._runner.recognize([piece for pieces in windows for piece in pieces]))
        with self._stage("post"):
            return [
                recognizer.decode([next(frames) for _ in pieces], crop.shape[1], self._options.language)
                for crop, pieces in zip(crops, windows, strict=True)
            ]

    def _page(self, lines: Sequence[_Line], size: tuple[int, int], rotation: int) -> Page:
        """Build the answer, with every point mapped back to the pixels of the upload."""
        kept = [line for line in lines if line.reading.text and line.reading.confidence >= self._options.min_confidence]
        upright = size if rotation % 180 == 0 else size[::-1]

        def back(quad: Points) -> Points:
            return turn_points(quad, upright, -rotation)

        return Page(
            width=size[0],
            height=size[1],
            rotation=rotation,
            lines=tuple(
                Line(
                    text=line.reading.text,
                    confidence=line.reading.confidence,
                    quad=back(line.quad),
                    words=tuple(
                        Word(text=span.text, confidence=span.confidence, quad=back(span_quad(line.quad, span)))
                        for span in split_words(line.reading.characters, line.reading.frames)
                    )
                    if self._options.words
                    else (),
                )
                for line in kept
            ),
            seconds=self._seconds,
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - start


def _credit(reading: Reading) -> float:
    return reading.confidence - SHORT / max(1, len(reading.text))
