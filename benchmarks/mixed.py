"""Pages whose text stands otherwise than it looks: sheets of single digits, and pages half of which is upside down.

    python -m benchmarks.mixed --data DIR --sets receipts-sroie forms --limit 12

A sheet is drawn: a title, names and columns of digits, each by itself, which are higher than wide, as are lines that
run up or down. The other pages are two neighbours of a labelled set side by side, the right one turned by 180 degrees,
as two receipts in one scan; the words of each half are counted by themselves. Word F1 throughout.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.store import open_store
from ocr_core.pages.images import decode
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Page
from ocr_core.preprocess import Pixels
from ocr_core.scoring import PageSet, Region, Tally
from ocr_core.scoring.text import words

SIZES = (24, 36, 54)
"""Heights of the letters of sheets, in pixels."""
SHAPES = ((6, 10, True, False), (8, 10, True, True), (12, 12, True, True), (3, 8, False, False), (1, 10, True, False))
"""Columns, rows, whether there is a title, and names ahead of the digits."""
SEEDS = (0, 1, 2)
NAMES = ("Anna", "Bert", "Carl", "Dora", "Emil", "Fred", "Gina", "Hans", "Ivan", "Judy")
TITLE = "Score sheet"
FONT = "DejaVu Sans"
"""Comes with matplotlib."""


def sheet(seed: int, size: int, columns: int, rows: int, *, title: bool, names: bool) -> tuple[Pixels, list[str]]:
    """Draw a sheet (H×W×3 BGR) and return it with its words."""
    rng = np.random.default_rng(seed)
    font = ImageFont.truetype(findfont(FONT), size)
    left = 8 * size if names else size
    image = Image.new("RGB", (left + 3 * size * columns + size, int((rows + 4) * 1.9 * size)), "white")
    draw = ImageDraw.Draw(image)
    texts = [(size, size, TITLE)] if title else []
    for row in range(rows):
        y = int((row + 2) * 1.9 * size)
        texts += [(size, y, str(rng.choice(NAMES)))] if names else []
        texts += [(left + 3 * size * column, y, str(rng.integers(1, 10))) for column in range(columns)]
    for x, y, text in texts:
        draw.text((x, y), text, fill="black", font=font)
    return np.array(image)[..., ::-1].copy(), [word for *_, text in texts for word in words(text)]


def sheets() -> Iterator[tuple[Pixels, list[str]]]:
    """Yield all sheets."""
    for seed, size, (columns, rows, title, names) in itertools.product(SEEDS, SIZES, SHAPES):
        yield sheet(seed, size, columns, rows, title=title, names=names)


def side_by_side(left: Pixels, right: Pixels) -> Pixels:
    """Return two pages as one, the right one turned by 180 degrees."""
    height = max(left.shape[0], right.shape[0])
    turned = np.rot90(right, 2)
    padded = [np.pad(page, ((0, height - page.shape[0]), (0, 0), (0, 0)), mode="edge") for page in (left, turned)]
    return np.ascontiguousarray(np.hstack(padded))


def halves(page: Page, border: int) -> tuple[list[str], list[str]]:
    """Return the words read on either side of a border between columns of pixels."""
    found: tuple[list[str], list[str]] = ([], [])
    for line in page.lines:
        found[int(line.quad[:, 0].mean() >= border)].extend(words(line.text))
    return found


def measure_sheets(engine: Engine) -> list[object]:
    """Return the row of the sheets: how many there are, how many were turned, word F1."""
    turned, tally, count = 0, Tally(), 0
    for pixels, truth in sheets():
        page = engine.read(pixels)
        turned, count = turned + bool(page.rotation), count + 1
        tally += Tally.of_bags(truth, [word for line in page.lines for word in words(line.text)])
    return ["sheets of digits", count, turned, tally.hmean, None]


def measure_pairs(engine: Engine, pages: PageSet) -> list[object]:
    """Return the row of a set: how many pairs there are, how many were turned, word F1 of either half."""
    turned, tallies, count = 0, [Tally(), Tally()], 0
    for one, other in itertools.pairwise(pages.rows):
        left, right = (decode(pages.path(row).read_bytes()).pixels for row in (one, other))
        page = engine.read(side_by_side(left, right))
        turned, count = turned + bool(page.rotation), count + 1
        for half, (row, found) in enumerate(zip((one, other), halves(page, left.shape[1]), strict=True)):
            tallies[half] += Tally.of_bags(_labelled(row.lines), found)
    return [f"{pages.name}, two in one", count, turned, tallies[0].hmean, tallies[1].hmean]


def _labelled(regions: Sequence[Region]) -> list[str]:
    return [word for region in regions if not region.ignore for word in words(region.text)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    add_out_argument(parser, "mixed")
    args = parser.parse_args()
    bundle = open_store(args.store).open(args.model)
    with closing(Engine.load(bundle, threads=1)) as engine:
        rows = [measure_sheets(engine), *(measure_pairs(engine, pages) for pages in chosen_pages(args))]
    print_table(("pages", "count", "turned", "word F1", "of what is upside down"), rows)
    write_result(args.out, args, {"bundle": bundle.ref, "rows": rows})


if __name__ == "__main__":
    main()
