"""Whether rendered lines are as hard to read as real ones, for a strong recognizer that was trained on neither.

    python -m benchmarks.realism receipt=DIR/receipts-sroie document=DIR/documents --peer rapidocr --peer-python PYTHON

Each pair is a kind of rendered line and a folder of labelled pages or crops; as many of one as of the other are read.
Only training rows are looked at: what is drawn is tuned by these figures, and must not be tuned to what judges it.
`acc` is the share of lines whose letters and digits are right, whatever their case; `chars` that of those characters.
Rendered text is ASCII here: the real sets are English, and a recognizer that omits accents would seem too weak.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import ROOT, add_out_argument, print_table, write_result
from benchmarks.systems import PEERS, Worker, peer
from ocr_core.geometry import quad_size
from ocr_core.pages.images import decode
from ocr_core.recognition.crop import cut_line, is_tall
from ocr_core.scoring import CropSet, LabelledSet, PageSet, read_set
from ocr_core.scoring.datasets import validates
from ocr_core.scoring.text import alphanumeric, edit_distance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="KIND=DIR")
    parser.add_argument("--count", type=int, default=300, help="lines of each; default 300")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer", default="rapidocr", choices=PEERS)
    parser.add_argument("--peer-python", help="interpreter of the environment that holds the peer")
    add_out_argument(parser, "realism")
    args = parser.parse_args()
    rows = []
    with (
        closing(peer(args.peer, args.peer_python).start(threads=1)) as reader,
        tempfile.TemporaryDirectory() as temporary,
    ):
        for number, pair in enumerate(args.pairs):
            kind, _, folder = pair.partition("=")
            rendered = render(kind, args.count, args.seed, Path(temporary) / f"rendered{number}")
            real = real_crops(Path(folder), args.count, args.seed, Path(temporary) / f"real{number}")
            drawn, truth = score(reader, rendered), score(reader, real)
            rows.append([f"{kind} / {Path(folder).name}", *drawn, *truth, drawn[0] - truth[0]])
    print_table(("kind / set", "acc drawn", "chars drawn", "acc real", "chars real", "difference"), rows)
    write_result(args.out, args, {"rows": rows})


def render(kind: str, count: int, seed: int, folder: Path) -> list[tuple[Path, str]]:
    """Render lines of a kind into a folder, by the trainer as a process of its own."""
    command = [sys.executable, "-m", "trainer.render", "--ascii", "lines", "--kind", kind, "--out", str(folder)]
    subprocess.run([*command, "--count", str(count), "--seed", str(seed)], cwd=ROOT, check=True)
    dataset = read_set(folder)
    return [(dataset.path(row), row.text) for row in dataset.rows if isinstance(dataset, CropSet)]


def real_crops(source: Path, count: int, seed: int, folder: Path) -> list[tuple[Path, str]]:
    """Return `count` crops of a set's training rows, those of pages cut out at their own size, written to `folder`."""
    dataset = training_rows(read_set(source))
    found = list(cut_pages(dataset, folder) if isinstance(dataset, PageSet) else cropped(dataset))
    random.Random(seed).shuffle(found)
    return found[:count]


def training_rows(dataset: LabelledSet) -> LabelledSet:
    """Return a set without the rows that validate."""
    if isinstance(dataset, PageSet):
        return replace(dataset, rows=tuple(row for row in dataset.rows if not validates(row.image)))
    return replace(dataset, rows=tuple(row for row in dataset.rows if not validates(row.image)))


def cropped(dataset: CropSet) -> Iterator[tuple[Path, str]]:
    yield from ((dataset.path(row), row.text) for row in dataset.rows)


def cut_pages(dataset: PageSet, folder: Path) -> Iterator[tuple[Path, str]]:
    folder.mkdir()
    for at, row in enumerate(dataset.rows):
        pixels = decode(dataset.path(row).read_bytes()).pixels
        for number, region in enumerate(row.lines):
            quad = np.array(region.points, np.float32)
            if region.ignore or not alphanumeric(region.text) or len(quad) != 4 or is_tall(quad):
                continue
            path = folder / f"{at}-{number}.png"
            if min(quad_size(quad)) >= 3 and cv2.imwrite(str(path), cut_line(pixels, quad, round(quad_size(quad)[1]))):
                yield path, region.text


def score(reader: Worker, crops: list[tuple[Path, str]]) -> tuple[float, float]:
    """Return the share of lines and of characters read rightly, of those with letters or digits."""
    right = lines = wrong = characters = 0
    for path, text in crops:
        label = alphanumeric(text)
        if not label:
            continue
        found = alphanumeric(reader.crop(path))
        lines += 1
        right += found == label
        characters += len(label)
        wrong += min(edit_distance(label, found), len(label))
    return right / max(lines, 1), 1 - wrong / max(characters, 1)


if __name__ == "__main__":
    main()
