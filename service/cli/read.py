"""`ocr read`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.bulk.folders import left_out
from service.cli.common import (
    DOCUMENT_SUFFIXES,
    STANDARD,
    BackendOption,
    DetectOption,
    Documents,
    LanguageOption,
    MinConfidenceOption,
    ModelOption,
    PagesOption,
    PasswordOption,
    StoreOption,
    TextLayerChoice,
    TextLayerOption,
    ThreadsOption,
    explained,
    fail,
    file_path,
    image_files,
    opened_engine,
    print_error,
    progress_bar,
    shown,
)
from service.cli.drawing import Drawings
from service.cli.input import Order, read_files
from service.cli.output import (
    Output,
    OutputFormat,
    format_of,
    named_format,
    needs_words,
    opened_output,
    require_drawable,
    require_writable,
)

if TYPE_CHECKING:
    from ocr_core.pipeline.engine import Engine


def read(
    files: Documents,
    *,
    form: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            "-f",
            parser=named_format,
            metavar="|".join(OutputFormat),
            autocompletion=lambda incomplete: [name.value for name in OutputFormat if name.startswith(incomplete)],
            help="What to write; else what -o is named after, as out.pdf, or text.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json: one object a page.")] = False,
    target: Annotated[
        Path,
        typer.Option("--output", "-o", parser=file_path, metavar="FILE", help="File to write; - is standard output."),
    ] = STANDARD,
    pages: PagesOption = None,
    password: PasswordOption = None,
    text_layer: TextLayerOption = TextLayerChoice.auto,
    draw: Annotated[
        Path | None, typer.Option(help="Draw the boxes into this image; of several pages, into this folder.")
    ] = None,
    detect: DetectOption = True,
    words: Annotated[bool, typer.Option("--words", help="In JSON too: words and their boxes.")] = False,
    language: LanguageOption = True,
    min_confidence: MinConfidenceOption = 0.5,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Print the text of PDFs and images; - is standard input. Exits with 1 if any page could not be read."""
    from ocr_core.pipeline.result import ReadOptions
    from service.settings import load_settings

    form = OutputFormat.json if as_json else form or format_of(target)
    _require_selection(pages)
    _require_output(form, target)
    paths = _chosen(files)
    drawings = _drawings(draw, paths, target)
    settings = load_settings(model=model, model_store=store, backend=backend, threads=threads)
    options = ReadOptions(
        detect=detect, min_confidence=min_confidence, words=words or needs_words(form), language=language
    )
    order = Order(
        options=options,
        pages=pages,
        password=password,
        text_layer=text_layer,
        max_pixels=settings.max_pixels,
        draw=drawings,
        keep=form is OutputFormat.pdf,
    )
    with opened_engine(settings) as engine, opened_output(form, target, headed=len(paths) > 1) as output:
        failed = _write(engine, paths, order, output)
    raise typer.Exit(1 if failed else 0)


def _require_selection(pages: str | None) -> None:
    from ocr_core.errors import PageSelectionError
    from ocr_core.pages.selection import parse_selection

    try:
        parse_selection(pages)
    except PageSelectionError as error:
        raise typer.BadParameter(str(error), param_hint="--pages") from None


def _require_output(form: OutputFormat, target: Path) -> None:
    """Find out whether the result can be written where it is wanted, and makes sense there."""
    if target == STANDARD and sys.stdout is None:
        fail("standard output is closed")
    require_writable(target)
    if form is OutputFormat.pdf and target == STANDARD and sys.stdout.isatty():
        raise typer.BadParameter("a PDF is nothing for a terminal; give -o FILE")


def _chosen(files: list[Path]) -> list[Path]:
    """Return the documents that are named, and those in folders that are."""
    if STANDARD in files and sys.stdin is None:  # `<&-` in a shell
        fail("standard input is closed")
    unread: Counter[str] = Counter()
    paths = image_files(files, DOCUMENT_SUFFIXES, unread)
    told = left_out(unread) if unread else ""
    if not paths:
        names = ", ".join(shown(str(path)) for path in files)
        fail(f"no PDF or image in {names}" + (f"; {told}" if told else ""), code=2)
    if told:
        print_error(told)
    return paths


def _drawings(draw: Path | None, paths: list[Path], output: Path) -> Drawings | None:
    """Return where pages are drawn to, if they are, and neither what is read nor the text lies there."""
    if draw is None:
        return None
    require_drawable(draw, several=len(paths) > 1)
    drawings = Drawings(draw, paths, output)
    drawings.require_apart()
    return drawings


def _write(engine: Engine, paths: list[Path], order: Order, output: Output) -> int:
    """Read files into an output, tell of progress and errors, and return how many pages failed."""
    failed = 0
    # Where the pages themselves are written to a terminal, the bar would stand among their lines.
    with progress_bar(None, hidden=output.on_terminal) as bar:
        task = bar.add_task("reading", total=len(paths), visible=len(paths) > 1)

        def opened(count: int) -> None:
            total = (bar.tasks[0].total or 0) + count - 1
            bar.update(task, total=total, visible=total > 1)

        for result in read_files(engine, paths, order, on_open=opened):
            bar.advance(task)
            failed += isinstance(result.page, Exception)
            if isinstance(result.page, Exception):
                reason = explained(getattr(result.page, "code", ""), str(result.page))
                print_error(f"{shown(result.original.name)}: {reason}")
            output.write(result.original, result.page, result.number)
    return failed
