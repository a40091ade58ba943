"""How much memory: resident set size while pages, then lines, of ever new shapes are read.

    python -m benchmarks.soak --data DIR [--images 600] [--lines 300]

Pages are those of the labelled sets, stretched at random, so that no two images have the same size; lines are strips of
them, each of another width, read as one line. The growth that counts is from the 100th image to the last.
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_pages,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.systems import Worker, add_engine_arguments, engine, peer
from ocr_core.pages.images import decode
from ocr_core.preprocess import Pixels
from ocr_core.scoring import PageSet

MIN_SIDE, MAX_SIDE = 240, 2000
"""Pixels of the sides of the stretched pages."""
MAX_LINE = 2400
"""Pixels of the widest line."""
FIRST = 100
"""The image from which growth counts; before it caches and arenas fill."""


def stretch(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def stretched_pages(sets: Sequence[PageSet], rng: random.Random) -> Iterator[Pixels]:
    """Give pages without end, no two of the same height and width."""
    seen: set[tuple[int, int]] = set()
    for path in itertools.cycle([pages.path(row) for pages in sets for row in pages.rows]):
        pixels = decode(path.read_bytes()).pixels
        height, width = (min(max(round(side * rng.uniform(0.4, 1.3)), MIN_SIDE), MAX_SIDE) for side in pixels.shape[:2])
        while (width, height) in seen:
            width += 1
        seen.add((width, height))
        yield stretch(pixels, width, height)


def strips(pages: Iterator[Pixels], count: int, rng: random.Random) -> Iterator[Pixels]:
    """Give `count` strips of pages, 48 pixels high and each of another width, in random order."""
    widths = [round(16 + (MAX_LINE - 16) * i / count) for i in range(count)]
    rng.shuffle(widths)
    for width in widths:
        page = next(pages)
        top = rng.randrange(page.shape[0] - 48)
        yield stretch(page[top : top + 48], width, 48)


def soak(worker: Worker, images: Iterator[Pixels], count: int, *, detect: bool) -> list[float]:
    """Read `count` images and return the memory after each, in MB."""
    memory = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.bmp"
        for number, pixels in enumerate(itertools.islice(images, count), start=1):
            cv2.imwrite(str(path), pixels)
            worker.read(path, detect=detect)
            memory.append(worker.memory()[0])
            show_progress(f"{'pages' if detect else 'lines'} {number}/{count}: {memory[-1]:.0f} MB")
    show_progress("")
    return memory


def print_memory(what: str, memory: Sequence[float], peak: float) -> dict[str, float]:
    """Print and return the memory on the way, and the growth since image `FIRST`."""
    steps = sorted({1, *range(FIRST, len(memory) + 1, FIRST), len(memory)})
    print_table([what, *map(str, steps)], [["RSS MB", *(round(memory[step - 1]) for step in steps)]])
    first = memory[min(FIRST, len(memory)) - 1]
    growth = memory[-1] / first - 1
    print(f"from {min(FIRST, len(memory))} to {len(memory)}: {100 * growth:+.1f} %, peak {peak:.0f} MB\n")
    return {"first_mb": first, "last_mb": memory[-1], "growth": growth, "peak_mb": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--peer", choices=("rapidocr", "rapidocr4"), help="measure this instead of the engine")
    parser.add_argument("--peer-python", metavar="PYTHON", help="interpreter of the environment that holds the peer")
    parser.add_argument("--threads", type=int, default=0, help="default: the system's own choice")
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    add_out_argument(parser, "soak")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    pages = stretched_pages(chosen_pages(args), rng)
    system = peer(args.peer, args.peer_python) if args.peer else engine(args)
    with closing(system.start(threads=args.threads)) as worker:
        print(f"{worker.name} {worker.versions}, started: {worker.memory()[0]:.0f} MB\n")
        result = {"system": worker.name, "versions": worker.versions}
        for what, images, count in (
            ("pages", pages, args.images),
            ("lines", strips(pages, args.lines, rng), args.lines),
        ):
            memory = soak(worker, images, count, detect=what == "pages")
            result[what] = print_memory(what, memory, worker.memory()[1]) | {"mb": [round(mb, 1) for mb in memory]}
    write_result(args.out, args, result)


if __name__ == "__main__":
    main()
