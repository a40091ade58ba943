"""What goes wrong: the lines of labelled sets that a bundle reads worst, drawn with label and reading.

    python -m benchmarks.worst --data DIR --sets receipts-sroie --out FOLDER

Writes FOLDER/<set>.png: the worst lines by edit distance, each with what is written there (above) and what was read
(below). `ocr eval --report` shows the same as a page.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.common import add_data_arguments, chosen_sets
from benchmarks.systems import add_engine_arguments, engine
from ocr_core.scoring.mistakes import Mistake, cut, mistakes

WIDTH, ROW = 1000, 84
"""Pixels of the sheet's width and of the height that each line takes there."""


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
        pen.text((4, top + 61), mistake.found or "(nothing)", "firebrick", font)
    sheet.save(path)


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
            unread = sum(not mistake.found for mistake in ranked)
            print(f"{dataset.name}: {len(ranked)} lines read wrongly, of {unread} nothing")
            draw(ranked[: args.count], args.out / f"{dataset.name}.png")


if __name__ == "__main__":
    main()
