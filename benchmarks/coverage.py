"""What keeps words from being read: is the detector or the recognizer behind, and on small text or on large?

    python -m benchmarks.coverage --data DIR --sets scene-icdar2015 scene-icdar2015-more --validation [--models NAME …]

A word, or line, of the labels is covered where a line that was found lies on more than half of it, and read where all
its words are among that line's. With --validation only the rows that validate are read.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np
import shapely

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from ocr_core.bundle.store import open_store
from ocr_core.geometry import quad_size
from ocr_core.pipeline.engine import Engine
from ocr_core.scoring import EngineReader, PageSet, Region
from ocr_core.scoring.datasets import validates
from ocr_core.scoring.matching import hulls, intersections
from ocr_core.scoring.text import words

HEIGHTS = (12, 20, 32)
"""Pixels of the picture between which labels are counted apart."""


def counted(labels: Sequence[Region], found: Sequence[Region]) -> Iterator[tuple[int, bool, bool]]:
    """Yield of each readable label which of the ranges of `HEIGHTS` it is in, whether it is covered, whether read."""
    readable = [label for label in labels if not label.ignore and len(label.points) == 4]
    ours, theirs = (hulls(region.points for region in regions) for regions in (readable, found))
    shares = intersections(ours, theirs) / np.maximum(shapely.area(ours), 1e-9)[:, None]
    for label, row in zip(readable, shares, strict=True):
        height = min(quad_size(np.asarray(label.points, np.float32)))
        best = int(row.argmax()) if row.size else -1
        covered = best >= 0 and bool(row[best] > 0.5)
        read = covered and set(words(label.text)) <= set(words(found[best].text))
        yield int(np.searchsorted(HEIGHTS, height, side="right")), covered, read


def rows_of(model: str, counts: Iterable[tuple[int, bool, bool]]) -> list[list[object]]:
    """Return a row for each range of heights: how many labels, and what shares are covered and read."""
    total: Counter[int] = Counter()
    covered: Counter[int] = Counter()
    read: Counter[int] = Counter()
    for place, is_covered, is_read in counts:
        total[place] += 1
        covered[place] += is_covered
        read[place] += is_read
    between = [f"{low} to {high}" for low, high in itertools.pairwise(HEIGHTS)]
    names = [f"below {HEIGHTS[0]}", *between, f"{HEIGHTS[-1]} and more"]
    return [
        [model, name, total[place], covered[place] / total[place], read[place] / total[place]]
        for place, name in enumerate(names)
        if total[place]
    ]


def measure(engine: Engine, sets: Sequence[PageSet]) -> Iterator[tuple[int, bool, bool]]:
    """Read the pages of sets and count their labels."""
    reader = EngineReader(engine)
    for pages in sets:
        for row in pages.rows:
            yield from counted(row.lines, reader.page(pages.path(row)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    parser.add_argument("--store", default="models")
    parser.add_argument("--models", nargs="+", default=["ppocrv2-en"], metavar="NAME")
    parser.add_argument("--validation", action="store_true", help="only the rows that validate")
    add_out_argument(parser, "coverage")
    args = parser.parse_args()
    sets = chosen_pages(args)
    if args.validation:
        sets = [replace(pages, rows=tuple(row for row in pages.rows if validates(row.image))) for pages in sets]
    rows: list[list[object]] = []
    for model in args.models:
        with closing(Engine.load(open_store(args.store).open(model), threads=1)) as engine:
            rows += rows_of(model, measure(engine, sets))
    print_table(("model", "height", "labels", "covered", "read"), rows)
    write_result(args.out, args, {"pages": sum(len(pages.rows) for pages in sets), "rows": rows})


if __name__ == "__main__":
    main()
