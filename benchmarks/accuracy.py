"""How right: a bundle, or a peer, on labelled sets.

    python -m benchmarks.accuracy --data DIR [--sets NAME ...] [--ordered NAME ...] [--model NAME] [--turn 90 180 270]
    python -m benchmarks.accuracy --data DIR --peer rapidocr --peer-python PYTHON

Figures are those of `ocr_core.scoring`. With --turn each page is also read turned clockwise by so many degrees.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_sets,
    show_progress,
    write_result,
)
from benchmarks.systems import PEERS, Worker, add_engine_arguments, engine, peer
from ocr_core.pages.images import decode
from ocr_core.scoring import LabelledSet, PageRow, PageSet, Region, Report, evaluate

FIGURES = ("word_f1", "char_f1", "det_h", "e2e_h", "order", "acc", "acc_full")


def turned(pages: PageSet, degrees: int, folder: Path) -> PageSet:
    """Write the pages turned clockwise, losslessly, with their labels turned along; a multiple of 90 degrees."""
    rows = []
    for number, row in enumerate(pages.rows):
        pixels = decode(pages.path(row).read_bytes()).pixels
        name = f"{number}.png"
        upright = np.ascontiguousarray(np.rot90(pixels, -degrees // 90))
        cv2.imwrite(str(folder / name), upright, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        rows.append(_turned_row(row, name, degrees, pixels.shape[1], pixels.shape[0]))
    return PageSet(folder, tuple(rows))


def _turned_row(row: PageRow, image: str, degrees: int, width: int, height: int) -> PageRow:
    def turn(x: float, y: float) -> tuple[float, float]:
        return {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}[degrees]

    lines = tuple(Region(tuple(turn(x, y) for x, y in line.points), line.text, line.ignore) for line in row.lines)
    return replace(row, image=image, lines=lines)


def as_ordered(pages: PageSet) -> PageSet:
    """Return the pages as ones whose labels stand in reading order."""
    return replace(pages, rows=tuple(replace(row, ordered=True) for row in pages.rows))


def variants(dataset: LabelledSet, turns: Iterable[int]) -> Iterator[tuple[str, LabelledSet]]:
    """Give a set as it is and, if it is one of pages, turned by each of `turns`; a turned one lives until the next."""
    yield dataset.name, dataset
    if isinstance(dataset, PageSet):
        for degrees in turns:
            with tempfile.TemporaryDirectory() as folder:
                yield f"{dataset.name} turned {degrees}", turned(dataset, degrees, Path(folder))


def measure(worker: Worker, name: str, dataset: LabelledSet) -> Report:
    """Score one set under a name, and say which images failed."""
    count = itertools.count(1)
    total = len(dataset.rows)
    report = evaluate(dataset, worker, progress=lambda: show_progress(f"{name} {next(count)}/{total}"))
    show_progress("")
    for failure in report.failures:
        print("failed:", failure, file=sys.stderr)
    return replace(report, dataset=name)


def print_report(report: Report) -> None:
    """Print a row as soon as its set is read: all sets together may take an hour."""
    figures = [_percent(report.figures.get(name)) for name in FIGURES]
    _print_row(report.dataset, report.images, *figures, f"{report.seconds:.3f}", len(report.failures))


def _print_row(name: str, *values: object) -> None:
    print(f"{name:28}", *(f"{value!s:>8}" for value in values), flush=True)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--peer", choices=PEERS, help="measure this instead of the engine")
    parser.add_argument("--peer-python", metavar="PYTHON", help="interpreter of the environment that holds the peer")
    parser.add_argument("--turn", nargs="+", type=int, default=[], choices=(90, 180, 270), metavar="DEGREES")
    parser.add_argument(
        "--ordered", nargs="+", default=[], metavar="NAME", help="sets in reading order whose rows do not say so"
    )
    parser.add_argument("--threads", type=int, default=0, help="default: the system's own choice")
    add_out_argument(parser, "accuracy")
    args = parser.parse_args()
    system = peer(args.peer, args.peer_python) if args.peer else engine(args)
    with closing(system.start(threads=args.threads)) as worker:
        print(worker.name, worker.versions)
        _print_row("set", "images", *FIGURES, "s/image", "failed")
        reports = []
        for dataset in chosen_sets(args):
            if isinstance(dataset, PageSet) and dataset.name in args.ordered:
                dataset = as_ordered(dataset)
            for variant in variants(dataset, args.turn):
                reports.append(measure(worker, *variant))
                print_report(reports[-1])
        versions = worker.versions
    result = {"system": system.name, "versions": versions, "sets": [asdict(report) for report in reports]}
    write_result(args.out, args, result)


if __name__ == "__main__":
    main()
