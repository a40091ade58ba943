"""Are columns read one after the other: the share of neighbouring words that stay neighbours, beside Tesseract's.

    python -m benchmarks.order --data DIR --sets order-report documents --readings DIR [--each]

Pages are read once: the lines of each system are kept in --readings and taken from there the next time, so that rules
of layout are tried in seconds; delete the folder where the bundle has changed. The labels must stand in reading order,
whether their rows say so or not. The engine's lines are put in order anew by this tree's `ocr_core.layout`; a peer's
stay in the order in which it gave them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.systems import ReadingFailedError, System, Worker, add_engine_arguments, engine, peer
from ocr_core.layout.order import reading_order
from ocr_core.scoring import PageScorer, PageSet, Region, Tally
from ocr_core.scoring.text import words


class Readings:
    """What a system read, kept by set and image; the system is started for the first image that is not there."""

    def __init__(self, system: System, folder: Path, stack: ExitStack) -> None:
        self._system = system
        self._folder = folder / system.name
        self._stack = stack
        self._worker: Worker | None = None

    def lines(self, pages: PageSet, image: str) -> list[Region]:
        """Return the lines of an image of a set; none where the system failed."""
        kept = self._folder / pages.name / f"{Path(image).name}.json"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps([(line.points, line.text) for line in self._read(pages.folder / image)]))
        return [Region(tuple((x, y) for x, y in points), text) for points, text in json.loads(kept.read_text())]

    def _read(self, image: Path) -> Sequence[Region]:
        if self._worker is None:
            self._worker = self._system.start()
            self._stack.callback(self._worker.close)
        try:
            return self._worker.page(image)
        except ReadingFailedError as error:
            print(f"failed: {image.name}: {error}")
            return ()


def in_order(lines: Sequence[Region]) -> list[Region]:
    """Return the lines of a page as this tree orders them."""
    return [lines[i] for i in reading_order([np.array(line.points, np.float32) for line in lines])]


class Scorer(PageScorer):
    """Scores a page whose labels are words in reading order, and counts the words that a line's end parts."""

    def __init__(self) -> None:
        super().__init__(by_line=False, ordered=True)
        self.parted = Tally()

    def add(self, labels: Sequence[Region], found: Sequence[Region]) -> None:
        """Count one page."""
        super().add(labels, found)
        self.parted += Tally.of_bags(_parted(labels), _parted(found))


def _parted(regions: Iterable[Region]) -> list[str]:
    return [word for region in regions for word in words(region.text) if word.endswith("-") and len(word) > 1]


def score(pages: PageSet, readings: Readings, *, anew: bool) -> dict[str, Scorer]:
    """Score each page by itself, its lines in the order as read or put in order `anew`; by image."""
    scorers = {}
    for row in pages.rows:
        lines = readings.lines(pages, row.image)
        scorers[row.image] = Scorer()
        scorers[row.image].add(row.lines, in_order(lines) if anew else lines)
    return scorers


def entry(name: str, system: str, scorers: Iterable[Scorer]) -> dict[str, Any]:
    """Return a row of the table: the figures of some pages together."""
    pages = list(scorers)
    pairs = sum((page.neighbours for page in pages), start=Tally())
    found = sum((page.words for page in pages), start=Tally())
    parted = sum((page.parted for page in pages), start=Tally())
    return {
        "set": name,
        "system": system,
        "pages": len(pages),
        "pairs": pairs.truth,
        "order": pairs.recall,
        "word_f1": found.hmean,
        "hyphens": parted.truth,
        "hyphens_read": parted.recall,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--readings", type=Path, required=True, help="folder of what was read before")
    parser.add_argument("--no-peer", action="store_true", help="leave Tesseract out")
    parser.add_argument("--each", action="store_true", help="a row for every page too, the worst first")
    add_out_argument(parser, "order")
    args = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        systems = [engine(args)] if args.no_peer else [engine(args), peer("tesseract", None)]
        readings = {system.name: Readings(system, args.readings, stack) for system in systems}
        for pages in chosen_pages(args):
            for name, kept in readings.items():
                scorers = score(pages, kept, anew=name == systems[0].name)
                rows.append(entry(pages.name, name, scorers.values()))
                each = [entry(image, name, [scorer]) for image, scorer in scorers.items()]
                rows += sorted(each, key=itemgetter("order")) if args.each else []
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    write_result(args.out, args, {"rows": rows})


if __name__ == "__main__":
    main()
