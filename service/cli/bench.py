"""`ocr bench`."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.common import (
    BackendOption,
    Images,
    ModelOption,
    StoreOption,
    ThreadsOption,
    counted,
    image_files,
    opened_engine,
    progress_bar,
)

if TYPE_CHECKING:
    from ocr_core.pipeline.engine import Engine


def bench(
    images: Images,
    *,
    repeat: Annotated[int, typer.Option(min=1, help="Times that each image is read.")] = 3,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Time the model on images, one at a time, in this process: median milliseconds an image in each stage."""
    from service.settings import load_settings

    files = image_files(images)
    settings = load_settings(model=model, model_store=store, backend=backend, threads=threads)
    with opened_engine(settings) as engine, progress_bar(len(files) * repeat) as bar:
        policy = engine.backend.policy
        typer.echo(f"{engine.bundle.ref} on {engine.backend.provider}, {counted(policy.streams, 'stream')}")
        engine.warm_up()
        paths = bar.track(files * repeat, description="timing")
        rows = [_time(engine, path, settings.max_pixels) for path in paths]
    if rows:
        _report(rows)


def _time(engine: Engine, path: Path, max_pixels: int) -> dict[str, float]:
    """Return the seconds that one image spends in each stage, and their `total`."""
    from ocr_core.pages.images import decode
    from ocr_core.pipeline.result import ReadOptions

    data = path.read_bytes()
    start = time.perf_counter()
    image = decode(data, max_pixels=max_pixels)
    decoded = time.perf_counter()
    page = engine.read(image.pixels, ReadOptions())
    return {"decode": decoded - start, **page.seconds, "total": time.perf_counter() - start}


def _report(rows: list[dict[str, float]]) -> None:
    stages: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        for stage, seconds in row.items():
            stages[stage].append(seconds * 1000)
    total = stages.pop("total")
    for stage, times in {**stages, "total": total}.items():
        typer.echo(f"{stage:<8}{statistics.median(times):10.1f} ms")
    typer.echo(f"{counted(len(total), 'reading')}, {1000 * len(total) / sum(total):.2f} images/s")
