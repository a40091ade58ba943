"""What a second recognizer is worth: text and time by the threshold below which a line is read again.

    python -m benchmarks.cascade --data DIR --sets receipts-sroie --second ppocrv6 --below 0.5 0.8 [--validation]

Lines are found and first read by the bundle of --model, and those in doubt read again by the recognizer of the bundle
of --second. The first row of a set is --model alone. CPU time, on one thread, so that other processes matter little.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.manifest import Models
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.store import open_store
from ocr_core.pipeline.engine import Engine
from ocr_core.scoring import EngineReader, PageSet, evaluate
from ocr_core.scoring.datasets import validates

FIGURES = ("word_f1", "char_f1")


def joined(first: Bundle, second: Bundle, below: float, folder: Path) -> Bundle:
    """Return `first` with the recognizer of `second` as its second one, the files of both in `folder`."""
    names = {}
    for bundle, prefix in ((first, "first-"), (second, "second-")):
        for file in bundle.manifest.files():
            shutil.copyfile(bundle.file(file), folder / (prefix + file.file))
            names[prefix + file.sha256] = prefix + file.file

    def moved(table: dict[str, object], prefix: str) -> dict[str, object]:
        """Name every file in a part of a manifest as it is called in `folder`."""
        if "sha256" in table:
            return table | {"file": names[f"{prefix}{table['sha256']}"]}
        return {key: moved(value, prefix) if isinstance(value, dict) else value for key, value in table.items()}

    table = moved(first.manifest.models.model_dump(), "first-")
    again = moved(second.manifest.models.recognizer.model_dump(), "second-")
    models = Models.model_validate(table | ({"second": again | {"below": below}} if below else {}))
    return Bundle(path=folder, manifest=first.manifest.model_copy(update={"models": models}), digest=first.digest)


def measure(bundle: Bundle, sets: list[PageSet]) -> Iterator[list[object]]:
    """Yield the figures of each set, and CPU milliseconds a page."""
    with closing(Engine.load(bundle, threads=1)) as engine:
        engine.warm_up()
        for dataset in sets:
            begun = time.process_time()
            figures = evaluate(dataset, EngineReader(engine)).figures
            milliseconds = round((time.process_time() - begun) * 1000 / len(dataset.rows))
            yield [dataset.name, len(dataset.rows), *(figures.get(name, "–") for name in FIGURES), milliseconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--second", required=True, metavar="NAME[@VERSION]", help="bundle that reads again")
    parser.add_argument("--below", type=float, nargs="+", default=[0.5, 0.7, 0.9], metavar="P")
    parser.add_argument("--validation", action="store_true", help="only the rows that validate")
    add_out_argument(parser, "cascade")
    args = parser.parse_args()
    sets = chosen_pages(args)
    if args.validation:
        sets = [replace(pages, rows=tuple(row for row in pages.rows if validates(row.image))) for pages in sets]
    store = open_store(args.store)
    first, second = store.open(args.model), store.open(args.second)
    rows: list[list[object]] = []
    for below in (0.0, *args.below):
        with tempfile.TemporaryDirectory() as folder:
            rows += [[below or "alone", *row] for row in measure(joined(first, second, below, Path(folder)), sets)]
    print_table(("below", "set", "pages", *FIGURES, "CPU ms a page"), rows)
    write_result(args.out, args, {"first": first.ref, "second": second.ref, "rows": rows})


if __name__ == "__main__":
    main()
