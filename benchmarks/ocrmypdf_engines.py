"""OCRmyPDF with this engine and with its own, on scans made of labelled pages.

    python -m benchmarks.ocrmypdf_engines --data DIR --pages receipts-sroie/387.jpg documents/multicol_01.png
        --ocrmypdf PROGRAM [--url http://127.0.0.1:8000] [--rounds 3] [-- OPTION …]

PROGRAM is the `ocrmypdf` of an environment that also holds this package with the extra `cpu`. Every scan is a PDF of
one picture; engines take turns on it. `seconds` is the median of the whole command, from its start to the PDF: what it
takes to load a model is part of it. `word_f1` compares the words that `pdftotext` finds in the PDF with the labels, as
`accuracy` does. With --url a service reads too. Options after `--` go to OCRmyPDF.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import ROOT, add_out_argument, print_table, write_result
from benchmarks.systems import add_model_arguments
from benchmarks.text_layer import by_poppler, write
from ocr_core.formats.base import Original
from ocr_core.pages.images import decode
from ocr_core.pipeline.result import Page
from ocr_core.scoring import PageSet, read_set
from ocr_core.scoring.tally import Tally
from ocr_core.scoring.text import words


def scans(args: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Give the name, the PDF and the labelled words of each page."""
    for number, wanted in enumerate(args.pages):
        name, _, file = wanted.partition("/")
        dataset = read_set(args.data / name)
        assert isinstance(dataset, PageSet)
        row = next(row for row in dataset.rows if Path(row.image).name == file)
        data = dataset.path(row).read_bytes()
        height, width = decode(data).pixels.shape[:2]
        bare = Page(width=width, height=height, rotation=0, lines=())
        path = write("pdf", Original(name=file, data=data), bare, folder / f"{number}.pdf")
        yield wanted, path, [word for line in row.lines if not line.ignore for word in words(line.text)]


def engines(args: argparse.Namespace) -> dict[str, list[str]]:
    """Return the options that choose each engine."""
    chosen = {args.model: []}
    if args.url:
        chosen["service"] = ["--ocr-service-url", args.url]
    return {**chosen, "tesseract": ["--ocr-engine", "tesseract"]}


def run(command: list[str], store: Path) -> float:
    """Return the seconds that a command takes, in an environment in which it finds the models."""
    environment = {**os.environ, "OCR_MODEL_STORE": str(store), "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds labelled sets")
    parser.add_argument("--pages", nargs="+", required=True, metavar="SET/IMAGE")
    parser.add_argument("--ocrmypdf", required=True, metavar="PROGRAM")
    parser.add_argument("--url", help="a running service that reads too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("options", nargs="*", help="for OCRmyPDF, after --")
    add_model_arguments(parser)
    add_out_argument(parser, "ocrmypdf_engines")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for page, scan, truth in scans(args, Path(temporary)):
            seconds: dict[str, list[float]] = {name: [] for name in engines(args)}
            for _ in range(args.rounds):
                for name, options in engines(args).items():
                    target = scan.with_name(f"{scan.stem}-{name}.pdf")
                    command = [args.ocrmypdf, *options, *args.options, str(scan), str(target)]
                    seconds[name].append(run(command, Path(args.store).resolve()))
            for name, taken in seconds.items():
                found = [
                    word for each in by_poppler(scan.with_name(f"{scan.stem}-{name}.pdf")) for word in words(each.text)
                ]
                rows.append([f"{page} / {name}", Tally.of_bags(truth, found).hmean, statistics.median(taken)])
    print_table(("page / engine", "word_f1", "seconds"), rows)
    write_result(args.out, args, {"rows": rows})


if __name__ == "__main__":
    main()
