"""When a picture of one word is read again along slopes and bows: words read rightly, by both thresholds (decision 14).

    python -m benchmarks.levelling --data DIR --sets scene-icdar2015 scene-icdar2015-more

Words are cut by upright boxes, as people do, from the rows that validate. A word is levelled if it reads with less
than the first threshold, and the best of the levelled readings is kept if it is better by the second one. Words with a
letter or digit count, and they are right if these are, whatever their case.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.store import open_store
from ocr_core.pages.images import decode
from ocr_core.pipeline import lines
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import ReadOptions
from ocr_core.preprocess import Pixels
from ocr_core.scoring import PageSet
from ocr_core.scoring.datasets import validates
from ocr_core.scoring.text import alphanumeric

SURE = (0.0, 0.8, 0.9, 0.95, 0.98)
"""Levelled below; at 0 never."""
BETTER = (0.0, 0.05, 0.1, 0.2)
OPTIONS = ReadOptions(detect=False, min_confidence=0.0)
LEAST_SIDE = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read in a word, as it is and levelled as reads best."""

    label: str
    plain: tuple[str, float]
    levelled: tuple[str, float]

    def right(self, sure: float, better: float) -> bool:
        """Whether the word is read rightly with these thresholds."""
        gain = _credit(self.levelled) - _credit(self.plain)
        text, _ = self.levelled if self.plain[1] < sure and gain > better else self.plain
        return alphanumeric(text) == self.label


def _credit(reading: tuple[str, float]) -> float:
    text, confidence = reading
    return confidence - lines.SHORT / max(1, len(text))


def words(pages: PageSet) -> Iterator[tuple[Pixels, str]]:
    """Yield the upright boxes of the words of the rows that validate, with their letters and digits."""
    for row in pages.rows:
        if not validates(row.image):
            continue
        pixels = decode(pages.path(row).read_bytes()).pixels
        for line in row.lines:
            corners = np.array(line.points)
            left, top = np.maximum(corners.min(axis=0), 0).astype(int)
            right, bottom = np.ceil(corners.max(axis=0)).astype(int)
            word = pixels[top:bottom, left:right]
            if not line.ignore and alphanumeric(line.text) and min(word.shape[:2]) >= LEAST_SIDE:
                yield np.ascontiguousarray(word), alphanumeric(line.text)


def answer(engine: Engine, word: Pixels, label: str) -> Answer:
    """Read a word as it is, and levelled."""
    found = []
    for sure in (0.0, 2.0):  # never, and always with the best of the levelled readings
        with patch.object(lines, "SLANTED", sure), patch.object(lines, "BETTER", -9.0):
            read = engine.read(word, OPTIONS).lines
        found.append((read[0].text, read[0].confidence) if read else ("", 0.0))
    return Answer(label, *found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    add_out_argument(parser, "levelling")
    args = parser.parse_args()
    bundle = open_store(args.store).open(args.model)
    with closing(Engine.load(bundle, threads=1)) as engine:
        answers = [answer(engine, *word) for pages in chosen_pages(args) for word in words(pages)]
    rows = [
        [sure, better, sum(found.right(sure, better) for found in answers) / len(answers)]
        for sure, better in itertools.product(SURE, BETTER)
        if sure or better == BETTER[0]
    ]
    print(f"{len(answers)} words")
    print_table(("levelled below", "kept if better by", "words right"), rows)
    write_result(args.out, args, {"bundle": bundle.ref, "words": len(answers), "rows": rows})


if __name__ == "__main__":
    main()
