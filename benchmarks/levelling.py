"""When a picture of one word is looked at in other ways too, and how these elect its text (decision 14).

    python -m benchmarks.levelling --data DIR --sets scene-icdar2015 scene-icdar2015-more words-iiit5k-train

Words are those of the rows that validate: of pages they are cut by upright boxes, as people do, crops are as they are.
A word that reads with less confidence than `below` is read along slopes and bows, narrower, wider, closer and looser.
Either the best of these readings is kept if it is better by 0.05 (`best`, as it was before), or all vote, by a power of
their confidence. Words with a letter or digit count, and they are right if these are, whatever their case.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from benchmarks.common import add_data_arguments, add_out_argument, chosen_sets, print_table, write_result
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.store import open_store
from ocr_core.pages.images import decode
from ocr_core.pipeline import lines
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import ReadOptions
from ocr_core.preprocess import Pixels
from ocr_core.recognition.recognizer import Reading
from ocr_core.scoring import CropRow, LabelledSet
from ocr_core.scoring.datasets import Corners, validates
from ocr_core.scoring.text import alphanumeric

BELOW = (0.8, 0.9, 0.95, 0.98)
POWERS = (1, 2, 4, 8)
BETTER = 0.05
OPTIONS = ReadOptions(detect=False, min_confidence=0.0)
LEAST_SIDE = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read in a word: as it is, and then in other ways; nothing of these where it is too long for a word."""

    label: str
    plain: str
    readings: tuple[Reading, ...]
    """The first as it is."""

    def plainly(self) -> bool:
        """Whether it is read rightly as it is."""
        return alphanumeric(self.plain) == self.label

    def voted(self, below: float, power: float) -> bool:
        """Whether it is read rightly if it reads with less than `below` as it is, and all readings vote."""
        if not self._is_doubted(below):
            return self.plainly()
        return alphanumeric(lines.elected(self.readings, power).text) == self.label

    def best(self, below: float) -> bool:
        """Whether it is read rightly if the best reading is kept where it is better by `BETTER`."""
        if not self._is_doubted(below):
            return self.plainly()
        best = max(self.readings[1:], key=lines.credit)
        better = lines.credit(best) > lines.credit(self.readings[0]) + BETTER
        return alphanumeric(best.text if better else self.plain) == self.label

    def _is_doubted(self, below: float) -> bool:
        return bool(self.readings) and self.readings[0].confidence < below


def words(labelled: LabelledSet) -> Iterator[tuple[Pixels, str]]:
    """Yield the words of the rows that validate, of pages their upright boxes, with their letters and digits."""
    for row in labelled.rows:
        if not validates(row.image):
            continue
        pixels = decode(labelled.path(row).read_bytes()).pixels
        if isinstance(row, CropRow):
            found = [(pixels, row.text)]
        else:
            found = [(_upright(pixels, line.points), line.text) for line in row.lines if not line.ignore]
        for word, text in found:
            if alphanumeric(text) and min(word.shape[:2]) >= LEAST_SIDE:
                yield np.ascontiguousarray(word), alphanumeric(text)


def _upright(pixels: Pixels, points: Corners) -> Pixels:
    corners = np.array(points)
    left, top = np.maximum(corners.min(axis=0), 0).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int)
    return pixels[top:bottom, left:right]


def answer(engine: Engine, word: Pixels, label: str) -> Answer:
    """Read a word in all ways."""
    readings: list[Reading] = []

    def keep(found: Sequence[Reading]) -> Reading:
        readings.extend(found)
        return found[0]

    with patch.object(lines, "DOUBTED", 2.0), patch.object(lines, "elected", keep):
        read = engine.read(word, OPTIONS).lines
    return Answer(label, read[0].text if read else "", tuple(readings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    add_out_argument(parser, "levelling")
    args = parser.parse_args()
    bundle = open_store(args.store).open(args.model)
    rows: list[list[object]] = []
    with closing(Engine.load(bundle, threads=1)) as engine:
        for labelled in chosen_sets(args):
            answers = [answer(engine, *word) for word in words(labelled)]
            rows += [[labelled.name, len(answers), *figures] for figures in table(answers)]
    print_table(("set", "words", "looked at again below", "best", *(f"vote^{power}" for power in POWERS)), rows)
    write_result(args.out, args, {"bundle": bundle.ref, "powers": POWERS, "rows": rows})


def table(answers: Sequence[Answer]) -> Iterator[list[float]]:
    """Yield rows: below which confidence, and shares of words read rightly by the best reading and each power."""
    count = max(len(answers), 1)
    yield [0.0] + [sum(found.plainly() for found in answers) / count] * (1 + len(POWERS))
    for below in BELOW:
        votes = [sum(found.voted(below, power) for found in answers) / count for power in POWERS]
        yield [below, sum(found.best(below) for found in answers) / count, *votes]


if __name__ == "__main__":
    main()
