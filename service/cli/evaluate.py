"""`ocr eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.common import (
    BackendOption,
    ModelOption,
    StoreOption,
    ThreadsOption,
    opened_engine,
    print_error,
    progress_bar,
)

if TYPE_CHECKING:
    from ocr_core.scoring import Report


def evaluate(
    sets: Annotated[list[str], typer.Argument(metavar="SET…", help="Folders with labels.jsonl and their images.")],
    *,
    data: Annotated[Path, typer.Option(help="Folder in which the sets lie.")] = Path(),
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first images of each set.")] = None,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Score the model on labelled sets: word and character F1, boxes, crops. Exits with 1 if an image failed."""
    from ocr_core.scoring import EngineReader, read_set
    from ocr_core.scoring import evaluate as score
    from service.settings import load_settings

    try:
        labelled = [read_set(data / name).head(limit) for name in sets]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    settings = load_settings(model=model, model_store=store, backend=backend, threads=threads)
    failed = 0
    with opened_engine(settings) as engine, progress_bar(sum(len(dataset.rows) for dataset in labelled)) as bar:
        task = bar.add_task("reading", total=sum(len(dataset.rows) for dataset in labelled))
        for dataset in labelled:
            report = score(dataset, EngineReader(engine), progress=lambda: bar.advance(task))
            typer.echo(_line(report))
            for failure in report.failures:
                print_error(failure)
            failed += len(report.failures)
    raise typer.Exit(1 if failed else 0)


def _line(report: Report) -> str:
    figures = "  ".join(f"{name} {value:.4f}" for name, value in report.figures.items())
    return f"{report.dataset:<16} images {report.images:<5} {figures}  s/image {report.seconds:.3f}"
