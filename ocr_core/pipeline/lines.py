"""Finding and reading the lines of an image, with second tries where they read badly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ocr_core.detection.large import shows_large, traces
from ocr_core.detection.resize import Scale
from ocr_core.geometry import Points
from ocr_core.pipeline.orientation import MARGIN, READS_BADLY, READS_WELL, flipped
from ocr_core.pipeline.runner import Networks, Runner
from ocr_core.pipeline.searched import Searched
from ocr_core.pipeline.stopwatch import Stopwatch
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import LEVELLED, cut_line, is_tall, level, looks
from ocr_core.recognition.recognizer import Reading

DOUBTED = 0.9
"""A picture of one line that reads with less confidence is looked at in other ways too, and what they say is put to the
vote: each reading has its confidence,"""
SHORT = 0.5
"""less so much divided by the number of its characters, as it is easy to be sure of one letter of many,"""
POWER = 4
"""to this power, so that two that agree outvote one that is a little surer, but not one that is sure."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadQuad:
    """A quad, from the top left corner of the text as it was read, and what was read in it."""

    quad: Points
    reading: Reading

    @property
    def confidence(self) -> float:
        """Mean probability of the characters."""
        return self.reading.confidence


class LineReader:
    """Finds quads and reads them, for one call."""

    def __init__(self, networks: Networks, runner: Runner, watch: Stopwatch, *, language: bool) -> None:
        self._networks = networks
        self._runner = runner
        self._watch = watch
        self._language = language

    def search(self, pixels: Pixels) -> Searched:
        """Find the text in H×W×3 BGR pixels; where its lines are small, by a second, finer search."""
        page = self._search(pixels, "page")
        size = (pixels.shape[1], pixels.shape[0])
        return self._search(pixels, "fine") if self._networks.detector.sees_too_little(page.quads, size) else page

    def faint(self, page: Searched) -> list[Points]:
        """Return where a page of few lines may hold more text: of its search, and of one in fewer pixels."""
        return [*(page.faint or ()), *(self._search(page.pixels, "sparse").faint or ())]

    def large(self, page: Searched, lines: Iterable[Points]) -> list[Points]:
        """Return where a page may hold letters that its search is too fine for, if it shows traces beside its lines."""
        detector = self._networks.detector
        size = (page.pixels.shape[1], page.pixels.shape[0])
        with self._watch.stage("post"):
            if page.traces is None or not shows_large(page.traces, lines, size):
                return []
        with self._watch.stage("det"):
            output = self._runner.detect(detector.prepare(page.pixels, "large"))
        with self._watch.stage("post"):
            return detector.large(output, size)

    def _search(self, pixels: Pixels, scale: Scale) -> Searched:
        detector = self._networks.detector
        size = (pixels.shape[1], pixels.shape[0])
        with self._watch.stage("det"):
            output = self._runner.detect(detector.prepare(pixels, scale))
        with self._watch.stage("post"):
            found, short = detector.finish_with_short(output, size)
            quads = [detection.quad for detection in found]
            is_sparse = scale == "sparse" or detector.sees_few(quads)
            faint = detector.faint(output, size) if is_sparse else None
            scores = [detection.score for detection in found]
            looked_over = detector.spec.faint is not None and not is_sparse
            left = traces(output) if looked_over else None
        return Searched(pixels, quads, scores, faint, () if is_sparse else short, left)

    def read(self, pixels: Pixels, quads: Sequence[Points]) -> list[ReadQuad]:
        """Read each quad from its own top left corner."""
        return self._read(pixels, quads, second=False)

    def review(self, pixels: Pixels, lines: Sequence[ReadQuad]) -> list[ReadQuad]:
        """Let the second recognizer, if there is one, read the lines that the first is in doubt of."""
        doubtful = [i for i, line in enumerate(lines) if line.reading.weakest < self._networks.below]
        reviewed = list(lines)
        for i, line in zip(doubtful, self._read(pixels, [lines[i].quad for i in doubtful], second=True), strict=True):
            reviewed[i] = line
        return reviewed

    def _read(self, pixels: Pixels, quads: Sequence[Points], *, second: bool) -> list[ReadQuad]:
        if not quads:
            return []
        crops = self._cut(pixels, quads, self._networks.reader(second=second).spec.height)
        readings = self._read_crops(crops, second=second)
        return [ReadQuad(quad, reading) for quad, reading in zip(quads, readings, strict=True)]

    def read_picture(self, pixels: Pixels, quad: Points) -> ReadQuad:
        """Read a picture that is one line, `quad` its corners; if it reads badly, in other ways too, on which it votes.

        Not if it is wider than the network's widest input: words lie at slopes, and all those readings of a line of any
        length would cost many times what the line does.
        """
        (line,) = self.review(pixels, self.read(pixels, [quad]))
        if line.confidence >= DOUBTED or is_tall(quad) or self._is_long(pixels):
            return line
        second = self._networks.second is not None
        height = self._networks.reader(second=second).spec.height
        with self._watch.stage("crop"):
            crops = [level(pixels, height, slope, bow) for slope, bow in LEVELLED] + looks(pixels, quad, height)
        return ReadQuad(quad, elected([line.reading, *self._read_crops(crops, second=second)]))

    def _is_long(self, pixels: Pixels) -> bool:
        recognizer = self._networks.recognizer
        height, width = pixels.shape[:2]
        return bool(width * recognizer.spec.height > height * recognizer.widths[-1])

    def settle(self, pixels: Pixels, quads: Sequence[Points], lines: Sequence[ReadQuad]) -> list[ReadQuad]:
        """Read lines whose direction is in doubt the other way too, or as the classifier says; keep the better.

        Where one proves to be upside down others are too, as on a folded card, or two receipts in one scan: lines that
        read tolerably are in doubt then.

        Args:
            pixels: H×W×3 BGR.
            quads: as they were found; those that are tall are in doubt sooner.
            lines: what was read in each.
        """
        settled = list(lines)
        tried: set[int] = set()
        for below in (READS_BADLY, READS_WELL):
            doubtful = [i for i, line in enumerate(settled) if i not in tried and _is_doubtful(quads[i], line, below)]
            better = self._better_turned(pixels, settled, doubtful)
            for i, line in better.items():
                settled[i] = line
            if not any(line.confidence >= READS_WELL for line in better.values()):
                break
            tried.update(doubtful)
        return settled

    def _better_turned(self, pixels: Pixels, lines: Sequence[ReadQuad], doubtful: Sequence[int]) -> dict[int, ReadQuad]:
        """Return the doubtful lines that read better the other way round, by their indices."""
        doubtful = self._classified(pixels, lines, doubtful)
        turned = self.read(pixels, [flipped(lines[i].quad) for i in doubtful])
        return {
            i: other
            for i, other in zip(doubtful, turned, strict=True)
            if other.confidence > lines[i].confidence + MARGIN
        }

    def _classified(self, pixels: Pixels, lines: Sequence[ReadQuad], doubtful: Sequence[int]) -> Sequence[int]:
        """Keep of the doubtful lines those that the classifier, if there is one, takes for upside down."""
        classifier = self._networks.classifier
        if classifier is None or not doubtful:
            return doubtful
        crops = self._cut(pixels, [lines[i].quad for i in doubtful], classifier.spec.height)
        with self._watch.stage("cls"):
            verdicts = classifier.finish(self._runner.classify(classifier.prepare(crops)))
        return [i for i, is_turned in zip(doubtful, verdicts, strict=True) if is_turned]

    def _cut(self, pixels: Pixels, quads: Sequence[Points], height: int) -> list[Pixels]:
        with self._watch.stage("crop"):
            return [cut_line(pixels, quad, height) for quad in quads]

    def _read_crops(self, crops: Sequence[Pixels], *, second: bool) -> list[Reading]:
        recognizer = self._networks.reader(second=second)
        windows = [recognizer.windows(crop) for crop in crops]
        with self._watch.stage("rec"):
            inputs = [piece for pieces in windows for piece in pieces]
            frames = iter(self._runner.recognize(inputs, second=second))
        with self._watch.stage("post"):
            return [
                recognizer.decode([next(frames) for _ in pieces], crop.shape[1], self._language)
                for crop, pieces in zip(crops, windows, strict=True)
            ]


def _is_doubtful(quad: Points, line: ReadQuad, below: float) -> bool:
    return line.confidence < (READS_WELL if is_tall(quad) else below)


def elected(readings: Sequence[Reading], power: float = POWER) -> Reading:
    """Return the surest of those readings of one line that have most votes together; the first, if none has any."""
    votes: defaultdict[str, float] = defaultdict(float)
    for reading in readings:
        votes[reading.text] += max(credit(reading), 0.0) ** power
    text = max(votes, key=votes.__getitem__)
    return max((reading for reading in readings if reading.text == text), key=lambda reading: reading.confidence)


def credit(reading: Reading) -> float:
    """Return what the confidence of a reading is worth beside that of others of the same line."""
    return reading.confidence - SHORT / max(1, len(reading.text))
