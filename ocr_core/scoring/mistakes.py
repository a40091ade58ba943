"""What was read wrongly in a labelled set: line by line, with the picture of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.pages.images import decode
from ocr_core.scoring.datasets import Corners, CropSet, LabelledSet, PageSet, Region
from ocr_core.scoring.evaluate import Reader
from ocr_core.scoring.matching import hulls, intersections, iou, match
from ocr_core.scoring.text import edit_distance, squash
from ocr_core.scoring.text import words as split_words

OVERLAP = 0.3
"""Intersection over union from which what was read is what a label means, right or wrong."""
MARGIN = 2
"""Pixels around a line in its picture."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line that was read wrongly: where it is, what is written there and what was read, nothing perhaps."""

    image: Path
    corners: Corners | None
    """None is the whole image."""
    label: str
    found: str

    @property
    def distance(self) -> int:
        """Edit distance, case and white space ignored: labels of receipts are in capitals."""
        return edit_distance(squash(self.label).casefold(), squash(self.found).casefold())


def mistakes(dataset: LabelledSet, reader: Reader) -> Iterator[Mistake]:
    """Yield what is read wrongly in a set.

    Where labels are words, a word is compared with those words of the lines over it that resemble it most.
    """
    found = _on_pages(dataset, reader) if isinstance(dataset, PageSet) else _on_crops(dataset, reader)
    yield from (mistake for mistake in found if mistake.distance)


def _on_pages(dataset: PageSet, reader: Reader) -> Iterator[Mistake]:
    compare = by_line if dataset.by_line else by_word
    for row in dataset.rows:
        labels = [line for line in row.lines if not line.ignore]
        image = dataset.path(row)
        for label, read in zip(labels, compare(labels, reader.page(image)), strict=True):
            yield Mistake(image, label.points, label.text, read)


def _on_crops(dataset: CropSet, reader: Reader) -> Iterator[Mistake]:
    for row in dataset.rows:
        image = dataset.path(row)
        yield Mistake(image, None, row.text, reader.crop(image))


def by_line(labels: Sequence[Region], found: Sequence[Region]) -> list[str]:
    """Return what was read where each labelled line is."""
    overlap = iou(hulls(label.points for label in labels), hulls(line.points for line in found))
    pairs = dict(match(overlap, OVERLAP))
    return [found[pairs[i]].text if i in pairs else "" for i in range(len(labels))]


def by_word(labels: Sequence[Region], found: Sequence[Region]) -> list[str]:
    """Return, for each labelled word, the word most like it in the lines that lie over it."""
    shared = intersections(hulls(label.points for label in labels), hulls(line.points for line in found))
    readings = []
    for label, row in zip(labels, shared, strict=True):
        near = [word for j in np.flatnonzero(row) for word in split_words(found[int(j)].text)]
        readings.append(min(near, key=lambda word: edit_distance(label.text.casefold(), word), default=""))
    return readings


def cut(mistake: Mistake) -> NDArray[np.uint8]:
    """Return the upright rectangle around a line, H×W×3 BGR."""
    pixels = decode(mistake.image.read_bytes()).pixels
    if mistake.corners is None:
        return pixels
    x, y, width, height = cv2.boundingRect(np.array(mistake.corners, np.float32))
    part = pixels[max(0, y - MARGIN) : y + height + MARGIN, max(0, x - MARGIN) : x + width + MARGIN]
    return part if part.size else pixels
