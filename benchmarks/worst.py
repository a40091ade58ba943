"""What goes wrong: the lines of labelled sets that a bundle reads worst, drawn with label and reading.

    python -m benchmarks.worst --data DIR --sets receipts-sroie --out FOLDER

Writes FOLDER/<set>.png: the worst lines by edit distance, each with what is written there (above) and what was read
(below). Where labels are words, a word is compared with those words of the lines over it that resemble it most.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.common import add_data_arguments, chosen_sets
from benchmarks.systems import Worker, add_engine_arguments, engine
from ocr_core.pages.images import decode
from ocr_core.scoring import CropSet, LabelledSet, PageSet, Region
from ocr_core.scoring.matching import hulls, intersections, iou, match
from ocr_core.scoring.text import edit_distance, squash
from ocr_core.scoring.text import words as split_words

NOTHING = "(nothing)"
WIDTH, ROW = 1000, 84
"""Pixels of the sheet's width and of the height that each line takes there."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line that was read wrongly: where it is, what is written there and what was read."""

    image: Path
    corners: tuple[tuple[float, float], ...] | None
    label: str
    found: str

    @property
    def distance(self) -> int:
        """Edit distance, case and white space ignored: labels of receipts are in capitals."""
        read = "" if self.found == NOTHING else self.found
        return edit_distance(squash(self.label).casefold(), squash(read).casefold())


def mistakes(dataset: LabelledSet, worker: Worker) -> Iterator[Mistake]:
    """Yield what is read wrongly in a set."""
    found = _on_pages(dataset, worker) if isinstance(dataset, PageSet) else _on_crops(dataset, worker)
    yield from (mistake for mistake in found if mistake.distance)


def _on_pages(dataset: PageSet, worker: Worker) -> Iterator[Mistake]:
    compare = by_line if dataset.by_line else by_word
    for row in dataset.rows:
        labels = [line for line in row.lines if not line.ignore]
        image = dataset.path(row)
        for label, read in zip(labels, compare(labels, worker.page(image)), strict=True):
            yield Mistake(image, label.points, label.text, read)


def _on_crops(dataset: CropSet, worker: Worker) -> Iterator[Mistake]:
    for row in dataset.rows:
        image = dataset.path(row)
        yield Mistake(image, None, row.text, worker.crop(image) or NOTHING)


def by_line(labels: Sequence[Region], found: Sequence[Region]) -> list[str]:
    """Return what was read where each labelled line is."""
    pairs = dict(match(iou(hulls(label.points for label in labels), hulls(line.points for line in found)), 0.3))
    return [found[pairs[i]].text if i in pairs else NOTHING for i in range(len(labels))]


def by_word(labels: Sequence[Region], found: Sequence[Region]) -> list[str]:
    """Return, for each labelled word, the word most like it in the lines that lie over it."""
    shared = intersections(hulls(label.points for label in labels), hulls(line.points for line in found))
    readings = []
    for label, row in zip(labels, shared, strict=True):
        near = [word for j in np.flatnonzero(row) for word in split_words(found[j].text)]
        readings.append(min(near, key=lambda word: edit_distance(label.text.casefold(), word), default=NOTHING))
    return readings


def draw(chosen: Sequence[Mistake], path: Path) -> None:
    """Draw mistakes below each other."""
    sheet = Image.new("RGB", (WIDTH, ROW * max(len(chosen), 1)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, mistake in enumerate(chosen):
        top = ROW * number
        pixels = cut(mistake)
        scale = min(40 / pixels.shape[0], (WIDTH - 8) / pixels.shape[1])
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        sheet.paste(Image.fromarray(pixels[:, :, ::-1]).resize(size), (4, top + 2))
        pen.text((4, top + 43), mistake.label, "black", font)
        pen.text((4, top + 61), mistake.found, "firebrick", font)
    sheet.save(path)


def cut(mistake: Mistake) -> np.ndarray:
    """Return the upright rectangle around a line, H×W×3 BGR."""
    pixels = decode(mistake.image.read_bytes()).pixels
    if mistake.corners is None:
        return pixels
    x, y, width, height = cv2.boundingRect(np.array(mistake.corners, np.float32))
    part = pixels[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2]
    return part if part.size else pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--count", type=int, default=20, help="lines a set")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="made if need be")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with closing(engine(args).start()) as worker:
        for dataset in chosen_sets(args):
            ranked = sorted(mistakes(dataset, worker), key=lambda mistake: -mistake.distance)
            unread = sum(mistake.found == NOTHING for mistake in ranked)
            print(f"{dataset.name}: {len(ranked)} lines read wrongly, of {unread} nothing")
            draw(ranked[: args.count], args.out / f"{dataset.name}.png")


if __name__ == "__main__":
    main()
