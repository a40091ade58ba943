"""How networks are best used: word and character F1 with other thresholds, sizes, scores and language models.

    python -m benchmarks.search --data DIR --sets receipts-sroie --validation --try score=fast,box_threshold=0.4

Each variant sets fields of the manifest's detector, of its `resize`, of its `faint` (`faint_threshold`, …, or `faint=`
for none), or of the recognizer's `language` (`weight`, `bonus`, or `language=` for none), separated by commas (`key=`
sets none); the first row is the bundle as it is. With --validation only the rows that validate are read: what is
shipped is chosen on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.manifest import Models
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.store import open_store
from ocr_core.pipeline.engine import Engine
from ocr_core.scoring import EngineReader, PageSet, evaluate
from ocr_core.scoring.datasets import validates
from ocr_core.specs import DetectorResize

FIGURES = ("word_f1", "char_f1", "det_h")


def changed(bundle: Bundle, variant: str) -> Bundle:
    """Return a bundle of the same files, used as `key=value,…` says."""
    pairs = {key: value or None for key, value in (pair.split("=") for pair in variant.split(",") if pair)}
    models = bundle.manifest.models
    table: dict[str, Any] = models.model_dump()
    for key, value in pairs.items():
        if key in DetectorResize.model_fields:
            table["detector"]["resize"][key] = value
        elif key.startswith("faint_"):
            table["detector"]["faint"] = (table["detector"]["faint"] or {}) | {key.removeprefix("faint_"): value}
        elif key == "language":
            table["recognizer"][key] = value
        elif key in ("weight", "bonus"):
            table["recognizer"]["language"][key] = value
        else:
            table["detector"][key] = value
    models = Models.model_validate(table)
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"models": models}))


def measure(bundle: Bundle, sets: list[PageSet], threads: int) -> Iterator[list[object]]:
    """Yield the figures of each set."""
    with closing(Engine.load(bundle, threads=threads)) as engine:
        for dataset in sets:
            figures = evaluate(dataset, EngineReader(engine)).figures
            yield [dataset.name, len(dataset.rows), *(figures.get(name, "–") for name in FIGURES)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--try", dest="variants", nargs="+", default=[], metavar="KEY=VALUE,…")
    parser.add_argument("--validation", action="store_true", help="only the rows that validate")
    parser.add_argument("--threads", type=int, default=1)
    add_out_argument(parser, "search")
    args = parser.parse_args()
    sets = chosen_pages(args)
    if args.validation:
        sets = [replace(pages, rows=tuple(row for row in pages.rows if validates(row.image))) for pages in sets]
    bundle = open_store(args.store).open(args.model)
    rows = [
        [variant or "as it is", *figures]
        for variant in ("", *args.variants)
        for figures in measure(changed(bundle, variant), sets, args.threads)
    ]
    print_table(("variant", "set", "pages", *FIGURES), rows)
    write_result(args.out, args, {"bundle": bundle.ref, "rows": rows})


if __name__ == "__main__":
    main()
