"""Pages whose reading order is known: PDFs that TeX set, as ordered sets of page images.

    python -m benchmarks.papers --pdfs DIR --out DIR

TeX writes the text of a page in the order in which it is read: columns one after the other, a table row by row. So the
text of the file, in its own order, is the truth: words with boxes, hyphens at line ends kept. Text of figures that the
page takes in as a whole (form objects) has no order and is left out. Listings that are set one letter a column are
written with a space between any two letters: there the columns tell what is a space.

Two sets come out, papers kept apart by sha1 of the file name, as a number, mod 8: 0 and 4 in `order-choose`, for the
choice of rules and constants, 1 and 2 in `order-report`, read for figures alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pypdfium2
from pypdfium2 import raw

from ocr_core.scoring import PageRow, Region
from ocr_core.scoring.datasets import eighth
from trainer.render.spaces import are_seen, in_columns

SETS = {"order-choose": (0, 4), "order-report": (1, 2)}
LINE_END = "\ufffe"
"""What pdfium writes for a hyphen at the end of a line; the line's end itself it leaves out."""
WHOLE_PAGE = 0.5
"""A form object over more of the page than this is no figure, but how the page was put together."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points from the lower left corner, as in the file."""
Letter = tuple[str, Box]


def words(page: Any) -> Iterator[tuple[str, Box]]:
    """Give the words of a pypdfium2 page in the order of the file, but for those of its figures."""
    figures = [box for box in _forms(page) if _area(box) < WHOLE_PAGE * page.get_width() * page.get_height()]
    for line in _lines(page.get_textpage()):
        for is_space, word in groupby(_without_unseen_spaces(line), lambda letter: letter[0] == " "):
            text, boxes = zip(*word, strict=True)
            lefts, bottoms, rights, tops = zip(*boxes, strict=True)
            box = min(lefts), min(bottoms), max(rights), max(tops)
            if not is_space and not any(_holds(figure, box) for figure in figures):
                yield "".join(text), box


def _lines(textpage: Any) -> Iterator[list[Letter]]:
    """Give the letters of each line that has any; white space is a space, and none stands at a line's ends."""
    line: list[Letter] = []
    for i, character in enumerate(textpage.get_text_range() + "\n"):
        if not character.isspace():
            line.append(("-" if character == LINE_END else character, textpage.get_charbox(i)))
        elif line and character not in "\r\n":
            line.append((" ", line[-1][1]))
        if character in "\r\n" + LINE_END and line:
            yield line[: -1 if line[-1][0] == " " else None]
            line = []


def _without_unseen_spaces(line: list[Letter]) -> list[Letter]:
    """Return a line, where its letters stand in columns, without the spaces that its program wrote between them."""
    text = "".join(letter for letter, _ in line)
    spans = np.array([(box[0], box[2]) for _, box in line], np.float32)
    height = max(box[3] for _, box in line) - min(box[1] for _, box in line)
    kept = None if are_seen(text, spans) else in_columns(text, spans, height)
    return line if kept is None else [line[i] for i in kept]


def label(page: Any, image: str, scale: float, source: str) -> PageRow:
    """Return the labels of a page that is rendered at `scale` pixels a point."""
    height = page.get_height()
    regions = []
    for text, (left, bottom, right, top) in words(page):
        x0, y0, x1, y1 = (round(v * scale, 1) for v in (left, height - top, right, height - bottom))
        regions.append(Region(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), text))
    return PageRow(image, tuple(regions), granularity="word", source=source, ordered=True)


def convert(pdfs: list[Path], folder: Path, *, dpi: int, pages: int) -> int:
    """Write the first pages of each file as a labelled set; return how many there are."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for pdf in pdfs:
        document = pypdfium2.PdfDocument(pdf)
        for number in range(min(pages, len(document))):
            image = f"images/{pdf.stem}_{number + 1}.png"
            cv2.imwrite(str(folder / image), document[number].render(scale=dpi / 72).to_numpy())
            rows.append(label(document[number], image, dpi / 72, f"{pdf.name}#{number + 1}"))
        document.close()
    lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    (folder / "labels.jsonl").write_text("".join(lines), encoding="utf-8")
    return len(rows)


def _forms(page: Any) -> list[Box]:
    return [item.get_bounds() for item in page.get_objects(filter=[raw.FPDF_PAGEOBJ_FORM], max_depth=1)]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _holds(outer: Box, inner: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pdfs", type=Path, required=True, help="folder of PDF files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sets")
    parser.add_argument("--dpi", type=int, default=200, help="resolution of the images; default 200")
    parser.add_argument("--pages", type=int, default=5, help="pages of each file, from its first; default 5")
    args = parser.parse_args()
    files = sorted(args.pdfs.glob("*.pdf"))
    for name, remainders in SETS.items():
        chosen = [path for path in files if eighth(path.name) in remainders]
        count = convert(chosen, args.out / name, dpi=args.dpi, pages=args.pages)
        print(f"{name}: {count} pages of {len(chosen)} files")


if __name__ == "__main__":
    main()
