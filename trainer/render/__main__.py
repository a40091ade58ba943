"""Writes rendered sets to folders, or measures how fast they are rendered.

    python -m trainer.render lines --out DIR --count 500 [--kind receipt]
    python -m trainer.render pages --out DIR --count 100 [--kind form] [--size 640]
    python -m trainer.render speed [--seconds 20]

A set is a folder of `images/` and `labels.jsonl`: crops with their texts, or pages with the quads of their lines.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2

from ocr_core.charset import LATIN
from trainer.render.corpus import Corpus
from trainer.render.domains import BY_NAME
from trainer.render.draws import sample_rng
from trainer.render.fonts import FontLibrary
from trainer.render.lines import LineRenderer
from trainer.render.pages import KINDS, PageRenderer
from trainer.render.pdf import PdfLibrary
from trainer.render.pdf_renderer import PdfRenderer

ASCII = "".join(map(chr, range(0x20, 0x7F)))
WARM_UP = 300


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command."""
    args = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    args.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer.render", description="Renders labelled lines and pages.")
    parser.add_argument(
        "--ascii", dest="characters", action="store_const", const=ASCII, default=LATIN, help="no accents"
    )
    commands = parser.add_subparsers(required=True)
    for name, run, chosen in (("lines", _lines, BY_NAME), ("pages", _pages, KINDS)):
        command = commands.add_parser(name, help=f"write a set of {name}")
        command.add_argument("--out", type=Path, required=True, help="folder to write")
        command.add_argument("--count", type=int, default=500)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--kind", choices=[*chosen, "pdf"], help="of this kind only; pdf: from installed PDFs")
        if name == "pages":
            command.add_argument("--size", type=int, default=640, help="side in pixels")
        command.set_defaults(run=run)
    speed = commands.add_parser("speed", help="print samples a second and core, as JSON")
    speed.add_argument("--seconds", type=float, default=20, help="for each measurement")
    speed.set_defaults(run=_speed)
    return parser


def _lines(args: argparse.Namespace) -> None:
    draw = _line_source(args)

    def row(index: int) -> tuple[Any, dict[str, Any]]:
        line = draw(index)
        return line.image, {"text": line.text}

    _write(args.out, args.count, row)


def _line_source(args: argparse.Namespace) -> Callable[[int], Any]:
    if args.kind == "pdf":
        pdf = PdfRenderer(PdfLibrary.from_folders(frozenset(args.characters)))
        return lambda index: pdf.sample_line(args.seed, index)
    renderer = LineRenderer.default(frozenset(args.characters))
    return lambda index: renderer.render(sample_rng(args.seed, index), domain=args.kind)


def _pages(args: argparse.Namespace) -> None:
    draw = _page_source(args)

    def row(index: int) -> tuple[Any, dict[str, Any]]:
        page = draw(index)
        labels = zip(page.quads.tolist(), page.texts, page.ignore.tolist(), strict=True)
        lines = [{"points": quad, "text": text, "ignore": ignored} for quad, text, ignored in labels]
        return page.image, {"lines": lines, "granularity": "word" if page.kind == "street" else "line"}

    _write(args.out, args.count, row)


def _page_source(args: argparse.Namespace) -> Callable[[int], Any]:
    if args.kind == "pdf":
        pdf = PdfRenderer(PdfLibrary.from_folders(frozenset(args.characters)))
        return lambda index: pdf.sample(args.seed, index, args.size)
    renderer = PageRenderer.default(frozenset(args.characters))
    return lambda index: renderer.render(sample_rng(args.seed, index), args.size, args.kind)


def _write(folder: Path, count: int, row: Callable[[int], tuple[Any, dict[str, Any]]]) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with (folder / "labels.jsonl").open("w", encoding="utf-8") as labels:
        for index in range(count):
            image, label = row(index)
            name = f"images/{index:06d}.png"
            if not cv2.imwrite(str(folder / name), image):
                raise OSError(f"cannot write {folder / name}")
            labels.write(json.dumps({"image": name, **label}, ensure_ascii=False) + "\n")


def _speed(args: argparse.Namespace) -> None:
    """Counts by the process' own time, so that other processes on the machine matter less."""
    fonts, corpus = FontLibrary.default(), Corpus.installed(frozenset(args.characters))
    lines, pages = LineRenderer(fonts, corpus), PageRenderer(fonts, corpus)
    figures = {
        "faces": len(fonts.faces),
        "lines_per_s": _rate(lambda index: lines.sample(0, index), args.seconds, WARM_UP * 10),
        "pages_640_per_s": _rate(lambda index: pages.sample(0, index, 640), args.seconds, WARM_UP),
    }
    try:
        pdf = PdfRenderer(PdfLibrary.from_folders(frozenset(args.characters)))
    except ValueError:
        print(json.dumps(figures))
        return
    figures["pdf_lines_per_s"] = _rate(lambda index: pdf.sample_line(0, index), args.seconds, 0)
    figures["pdf_pages_640_per_s"] = _rate(lambda index: pdf.sample(0, index, 640), args.seconds, 0)
    print(json.dumps(figures))


def _rate(draw: Callable[[int], object], seconds: float, warm_up: int) -> float:
    """Samples a second of processor time, after `warm_up` others have filled the glyph atlas."""
    for index in range(warm_up):
        draw(index)
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        draw(warm_up + count)
        count += 1
    return round(count / (time.process_time() - start), 1)


if __name__ == "__main__":
    main()
