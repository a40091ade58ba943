"""Are tables written as tables, and only they: drawn tables and columns of prose of known structure, as Markdown.

    python -m benchmarks.tables --seed 1 --readings DIR [--kinds tight wrapped] [--show DIR]

Pages are drawn (`drawn_tables`), read by the engine once a seed (`--readings` keeps what was read, so that rules of
layout are tried in seconds) and written as Markdown by this tree. Tables are judged by their adjacency relations
(Göbel et al., ICDAR 2013 table competition): pairs of cells that are neighbours in a row or a column, empty cells
skipped, each cell by its text. Of prose `none` is the share of pages on which no table is claimed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import ocr_core
from benchmarks.common import add_out_argument, print_table, write_result
from benchmarks.drawn_tables import KINDS, Cell, DrawnPage, draw
from ocr_core.formats.base import Original
from ocr_core.formats.markdown import MarkdownWriter
from ocr_core.pipeline.result import Line, Page, ReadOptions, Word
from ocr_core.scoring import Tally
from ocr_core.scoring.text import squash

Relation = tuple[str, str, str]
"""Direction, text of a cell, text of its neighbour."""

_CELLS = re.compile(r"(?<!\\)\|")
_ESCAPE = re.compile(r"\\([^\w\s])")
_RULE = re.compile(r"\|( --- \|)+")


def markdown_tables(text: str) -> Iterator[list[Cell]]:
    """Give the cells of each table of a page of Markdown."""
    for block in text.split("\n\n"):
        rows = block.split("\n")
        if len(rows) > 1 and _RULE.fullmatch(rows[1]):
            del rows[1]
            split = [[_ESCAPE.sub(r"\1", cell).strip() for cell in _CELLS.split(row)[1:-1]] for row in rows]
            yield [Cell(cell, r, c) for r, row in enumerate(split) for c, cell in enumerate(row) if cell]


def relations(cells: Iterable[Cell]) -> Counter[Relation]:
    """Return the neighbours of a table's cells; one that spans columns has a neighbour below in each."""
    rows, columns = defaultdict(list), defaultdict(list)
    for cell in sorted(cells, key=lambda cell: (cell.row, cell.column)):
        rows[cell.row].append(cell)
        for column in range(cell.column, cell.column + cell.span):
            columns[column].append(cell)
    across = [pair for row in rows.values() for pair in pairwise(row)]
    down = {pair for column in columns.values() for pair in pairwise(column)}
    named = (("across", across), ("down", down))
    return Counter((way, _plain(a.text), _plain(b.text)) for way, pairs in named for a, b in pairs)


def score(truth: Sequence[Cell], tables: Iterable[Sequence[Cell]]) -> Tally:
    """Count the relations of a page's one table, of all that were found, and those that are in both."""
    expected, found = relations(truth), sum((relations(table) for table in tables), start=Counter[Relation]())
    return Tally((expected & found).total(), expected.total(), found.total())


class Reader:
    """Reads drawn pages with words, or takes what was read before."""

    def __init__(self, folder: Path, model: str, store: str) -> None:
        self._folder, self._model, self._store = folder / model, model, store
        self._engine: ocr_core.Reader | None = None

    def page(self, name: str, drawn: DrawnPage) -> Page:
        """Return a page as it was read."""
        kept = self._folder / f"{name}.json"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            self._engine = self._engine or ocr_core.load(self._model, store=self._store)
            kept.write_text(json.dumps(_dump(self._engine.read(drawn.image, ReadOptions(words=True)))))
        return _load(json.loads(kept.read_text()))


def _dump(page: Page) -> dict[str, Any]:
    def plain(item: Line | Word) -> dict[str, Any]:
        return {"text": item.text, "confidence": item.confidence, "quad": item.quad.tolist()}

    lines = [plain(line) | {"words": [plain(word) for word in line.words]} for line in page.lines]
    return {"width": page.width, "height": page.height, "rotation": page.rotation, "lines": lines}


def _load(kept: dict[str, Any]) -> Page:
    def fields(item: dict[str, Any]) -> dict[str, Any]:
        return item | {"quad": np.array(item["quad"], np.float32)}

    def line(item: dict[str, Any]) -> Line:
        return Line(**fields(item) | {"words": tuple(Word(**fields(word)) for word in item["words"])})

    return Page(**kept | {"lines": tuple(line(item) for item in kept["lines"])})


def measure(kind: str, seeds: Sequence[int], reader: Reader, show: Path | None) -> dict[str, Any]:
    """Return a row of the table: one kind of page."""
    total, none, cells, read = Tally(), 0, 0, 0
    for seed in seeds:
        drawn = draw(kind, seed)
        page = reader.page(f"{kind}-{seed}", drawn)
        written = MarkdownWriter().page(Original(name="", data=b""), page).decode()
        tables = list(markdown_tables(written.rstrip("\n")))
        tally = score(drawn.cells, tables)
        total, none = total + tally, none + (not tables)
        whole = _plain(page.text)
        cells, read = cells + len(drawn.cells), read + sum(_plain(cell.text) in whole for cell in drawn.cells)
        if show:
            show.mkdir(parents=True, exist_ok=True)
            drawn.image.save(show / f"{kind}-{seed}.png")
            (show / f"{kind}-{seed}.md").write_text(f"{written}\n{tally.hmean:.3f}\n")
    if not cells:
        return {"kind": kind, "pages": len(seeds), "none": none / len(seeds)}
    figures = {"read": read / cells, "precision": total.precision, "recall": total.recall, "f1": total.hmean}
    return {"kind": kind, "pages": len(seeds), "none": None, **figures}


def _plain(text: str) -> str:
    return squash(text).casefold()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="models", help="model store, a folder or URL; default ./models")
    parser.add_argument("--model", default="ppocrv2-en", help="bundle to read with; default ppocrv2-en")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--seed", type=int, default=1, help="1 is for choosing, others for reporting; default 1")
    parser.add_argument("--count", type=int, default=10, help="pages of each kind; default 10")
    parser.add_argument("--readings", type=Path, required=True, help="folder of what was read before")
    parser.add_argument("--show", type=Path, help="folder for pictures, and the Markdown of each with its F1")
    add_out_argument(parser, "tables")
    args = parser.parse_args()
    reader = Reader(args.readings, args.model, args.store)
    seeds = [1000 * args.seed + n for n in range(args.count)]
    rows = [measure(kind, seeds, reader, args.show) for kind in args.kinds]
    scored = [row["f1"] for row in rows if "f1" in row]
    prose = [row["none"] for row in rows if "f1" not in row]
    header = ("kind", "pages", "none", "read", "precision", "recall", "f1")
    print_table(header, [[row.get(name) for name in header] for row in rows])
    print(
        f"mean f1 {sum(scored) / max(len(scored), 1):.3f}, prose without tables {sum(prose) / max(len(prose), 1):.3f}"
    )
    write_result(args.out, args, {"rows": rows})


if __name__ == "__main__":
    main()
