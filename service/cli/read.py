"""`ocr read`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.common import (
    BackendOption,
    Images,
    ModelOption,
    StoreOption,
    ThreadsOption,
    image_files,
    opened_engine,
    print_error,
    progress_bar,
)
from service.cli.output import STANDARD, OutputFormat, needs_words, opened_output

if TYPE_CHECKING:
    from ocr_core.formats.base import Original
    from ocr_core.pipeline.engine import Engine
    from ocr_core.pipeline.result import Page, ReadOptions


@dataclass(frozen=True, slots=True)
class _Result:
    original: Original
    page: Page | Exception


def read(
    images: Images,
    *,
    form: Annotated[OutputFormat, typer.Option("--format", "-f", help="What to write.")] = OutputFormat.text,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json: one object a file.")] = False,
    target: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; - is standard output.", dir_okay=False)
    ] = STANDARD,
    draw: Annotated[
        Path | None, typer.Option(help="Draw the boxes into this image; of several images, into this folder.")
    ] = None,
    detect: Annotated[bool, typer.Option(help="Find lines first; else the whole image is one line.")] = True,
    words: Annotated[bool, typer.Option("--words", help="In JSON too: words and their boxes.")] = False,
    language: Annotated[bool, typer.Option(help="Settle doubtful words by the model's language model.")] = True,
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="Leave out lines below this.")] = 0.5,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Print the text of images; - is standard input. Exits with 1 if any of them could not be read."""
    from ocr_core.pipeline.result import ReadOptions
    from service.settings import load_settings

    form = OutputFormat.json if as_json else form
    if form is OutputFormat.pdf and target == STANDARD and sys.stdout.isatty():
        raise typer.BadParameter("a PDF is nothing for a terminal; give -o FILE")
    files = image_files(images)
    settings = load_settings(model=model, model_store=store, backend=backend, threads=threads)
    options = ReadOptions(
        detect=detect, min_confidence=min_confidence, words=words or needs_words(form), language=language
    )
    if draw and len(files) > 1:
        draw.mkdir(parents=True, exist_ok=True)
    failed = 0
    with (
        opened_engine(settings) as engine,
        opened_output(form, target, headed=len(files) > 1) as output,
        progress_bar(len(files)) as bar,
    ):
        task = bar.add_task("reading", total=len(files))
        for result in _read_all(engine, files, options, settings.max_pixels, draw, keep=form is OutputFormat.pdf):
            bar.advance(task)
            failed += isinstance(result.page, Exception)
            if isinstance(result.page, Exception):
                print_error(f"{result.original.name}: {result.page}")
            output.write(result.original, result.page)
    raise typer.Exit(1 if failed else 0)


def _read_all(
    engine: Engine, files: list[Path], options: ReadOptions, max_pixels: int, draw: Path | None, *, keep: bool
) -> Iterator[_Result]:
    """Read side by side, give in order, with the bytes of the files if they are to be kept."""
    from ocr_core.errors import ImageError, OcrError
    from ocr_core.formats.base import Original

    def read_one(path: Path) -> _Result:
        original = Original(name=str(path), data=b"")
        try:
            original = Original(name=str(path), data=sys.stdin.buffer.read() if path == STANDARD else path.read_bytes())
            page = _read_file(engine, original, options, max_pixels, _target(draw, path, len(files)))
            # Results wait for their turn; the files of a folder would not all fit into memory.
            return _Result(original if keep else replace(original, data=b""), page)
        except OcrError as error:
            return _Result(original, error)
        except OSError as error:
            return _Result(original, ImageError(error.strerror))

    with ThreadPoolExecutor(engine.backend.policy.streams) as pool:
        yield from pool.map(read_one, files)


def _read_file(engine: Engine, original: Original, options: ReadOptions, max_pixels: int, target: Path | None) -> Page:
    from ocr_core.pages.images import decode

    image = decode(original.data, max_pixels=max_pixels)
    page = engine.read(image.pixels, options)
    if target is not None:
        import cv2

        from ocr_core.formats.drawing import draw_quads

        suffix = target.suffix.lower() if cv2.haveImageWriter(target.name) else ".png"
        drawn = cv2.imencode(suffix, draw_quads(image.pixels, [line.quad for line in page.lines]))[1]
        target.write_bytes(drawn.tobytes())
    return page


def _target(draw: Path | None, path: Path, count: int) -> Path | None:
    if draw is None or count == 1:
        return draw
    return draw / f"{path.stem}.png"
