"""`ocr eval`."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timezone
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
    from ocr_core.pipeline.engine import Engine
    from ocr_core.scoring import Report
    from ocr_core.scoring.report_page import Evaluated


def evaluate(
    sets: Annotated[list[str], typer.Argument(metavar="SET…", help="Folders with labels.jsonl and their images.")],
    *,
    data: Annotated[Path, typer.Option(help="Folder in which the sets lie.")] = Path(),
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first images of each set.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page of HTML: the figures, and the worst lines as pictures.", dir_okay=False),
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="Lines of each set that the report shows.")] = 50,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Score the model on labelled sets: word and character F1, boxes, crops. Exits with 1 if an image failed."""
    from ocr_core.scoring import EngineReader, read_set
    from ocr_core.scoring import evaluate as score
    from ocr_core.scoring.report_page import Remembering, look_at_worst
    from service.settings import load_settings

    try:
        labelled = [read_set(data / name).head(limit) for name in sets]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    absent = next((image for each in labelled for image in map(each.path, each.rows) if not image.is_file()), None)
    if absent is not None:
        raise typer.BadParameter(f"{absent} is labelled, and is not there")
    if report is not None and not report.parent.is_dir():  # hours of reading come before it is written
        raise typer.BadParameter(f"{report}: there is no such folder", param_hint="--report")
    settings = load_settings(model=model, model_store=store, backend=backend, threads=threads)
    evaluated: list[Evaluated] = []
    images = sum(len(dataset.rows) for dataset in labelled)
    with opened_engine(settings) as engine, progress_bar(images) as bar:
        task = bar.add_task("reading", total=images)
        for dataset in labelled:
            reader = Remembering(EngineReader(engine))
            figures = score(dataset, reader, progress=lambda: bar.advance(task))
            typer.echo(_line(figures))
            for failure in figures.failures:
                print_error(failure)
            evaluated.append(look_at_worst(dataset, figures, reader, worst if report else 0))
        if report is not None:
            report.write_text(_page(engine, evaluated), encoding="utf-8")
    raise typer.Exit(1 if any(each.report.failures for each in evaluated) else 0)


def _page(engine: Engine, evaluated: Sequence[Evaluated]) -> str:
    from ocr_core.scoring.report_page import report_page
    from ocr_core.version import program_version

    facts = {
        "model": engine.bundle.ref,
        "digest": f"sha256:{engine.bundle.digest}",
        "backend": f"{engine.backend.name}, {engine.backend.provider}",
        "program": f"ocr-service {program_version()}, Python {platform.python_version()}, {platform.platform()}",
        "time": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
    }
    return report_page(f"How {engine.bundle.manifest.name} reads", facts, evaluated)


def _line(report: Report) -> str:
    figures = "  ".join(f"{name} {value:.4f}" for name, value in report.figures.items())
    return f"{report.dataset:<16} images {report.images:<5} {figures}  s/image {report.seconds:.3f}"
