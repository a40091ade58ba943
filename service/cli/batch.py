"""`ocr batch`."""

from __future__ import annotations

import os
from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.common import (
    ALIASES,
    BackendOption,
    DetectOption,
    LanguageOption,
    MinConfidenceOption,
    ModelOption,
    PagesOption,
    PasswordOption,
    StoreOption,
    TextLayerChoice,
    TextLayerOption,
    ThreadsOption,
    fail,
    print_error,
)

if TYPE_CHECKING:
    from service.bulk.items import Shard
    from service.bulk.reading import Order
    from service.bulk.run import ReadAll
    from service.settings import Settings

USAGE = 2
STOPPED = 75
"""EX_TEMPFAIL of sysexits.h: the run could not go on, and may if it is started again."""


class Outdated(str, Enum):
    """Those of `service.bulk.run`, named here so that `--help` need not import them."""

    stop = "stop"
    keep = "keep"
    read = "read"


def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="Folder, glob in quotes, URL, or file with a list of paths; - is standard input."
        ),
    ],
    target: Annotated[str, typer.Argument(metavar="DST", help="Folder or URL for the outputs.")],
    *,
    formats: Annotated[
        str, typer.Option("--format", "-f", help="jsonl, text, markdown, tsv, hocr, alto, pdf; several with commas.")
    ] = "jsonl",
    shard: Annotated[
        str | None, typer.Option(help="i/n: the i-th of n parts, from 0; else JOB_COMPLETION_INDEX/JOB_COMPLETIONS.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Leave out what was read before; else read all of it again.")] = True,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Read those that failed before, alone.")] = False,
    outdated: Annotated[
        Outdated, typer.Option(help="Files that were read by another model or with other choices: keep or read them.")
    ] = Outdated.stop,
    max_errors: Annotated[int | None, typer.Option(min=0, help="End when more files than this have failed.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the names of what would be read.")] = False,
    pages: PagesOption = None,
    password: PasswordOption = None,
    text_layer: TextLayerOption = TextLayerChoice.auto,
    detect: DetectOption = True,
    words: Annotated[bool, typer.Option("--words", help="In jsonl too: words and their boxes.")] = False,
    language: LanguageOption = True,
    min_confidence: MinConfidenceOption = 0.5,
    model: ModelOption = None,
    store: StoreOption = None,
    backend: BackendOption = None,
    threads: ThreadsOption = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes that share the cores.")] = None,
    ray: Annotated[
        str | None, typer.Option("--ray", help="Address of a Ray cluster that reads: auto, local or ray://host:10001.")
    ] = None,
) -> None:
    """Read many files; killed and started again it goes on. Exits with 1 if any of them could not be read."""
    from ocr_core.errors import OcrError
    from ocr_core.pipeline.result import ReadOptions
    from service.bulk.errors import StoppedError
    from service.bulk.folders import left_out
    from service.bulk.items import list_items
    from service.bulk.run import Choices
    from service.cli import batch_progress
    from service.settings import load_settings

    try:
        part = _shard(shard)
        unread: Counter[str] = Counter()
        items = list_items(source, part, target=target, unread=unread)
        if unread:
            print_error(left_out(unread))
        order = _order(
            load_settings(model=model, model_store=store, backend=backend),
            target,
            part,
            formats=_formats(formats),
            options=ReadOptions(detect=detect, min_confidence=min_confidence, words=words, language=language),
            pages=_pages(pages),
            password=password,
            text_layer=text_layer,
        )
        choices = Choices(resume=resume, retry_failed=retry_failed, outdated=outdated.value, max_errors=max_errors)
        if dry_run:
            batch_progress.show_plan(items, order, part, choices)
            return
        cores = load_settings(threads=threads).threads
        order, read_all = _by_ray(order, ray, cores, processes) if ray else _here(order, cores, processes)
        code = batch_progress.run_shown(items, order, part, read_all, choices)
    except StoppedError as error:
        fail(f"{error}. What was read so far is kept; the same command goes on from there.", code=STOPPED)
    except (OcrError, OSError) as error:  # no such list, no such model: 1 would say that files have failed
        fail(str(error), code=USAGE)
    raise typer.Exit(code)


def _shard(text: str | None) -> Shard:
    """Return the shard that an option or the environment names, or all as one."""
    from service.bulk.errors import BulkError
    from service.bulk.items import Shard

    if text is not None:
        return Shard.parse(text)
    index, count = os.environ.get("JOB_COMPLETION_INDEX"), os.environ.get("JOB_COMPLETIONS")
    if index is None:
        return Shard()
    if count is None:
        raise BulkError("JOB_COMPLETION_INDEX says which part this is, but JOB_COMPLETIONS not of how many")
    return Shard.parse(f"{index}/{count}")


def _formats(text: str) -> tuple[str, ...]:
    from service.bulk.reading import SUFFIXES

    named = (part.strip() for part in text.split(","))
    chosen = tuple(dict.fromkeys(ALIASES.get(name, name) for name in named))
    if unknown := [name for name in chosen if name not in SUFFIXES]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SUFFIXES)}", param_hint="--format")
    return chosen


def _pages(text: str | None) -> str | None:
    from ocr_core.errors import PageSelectionError
    from ocr_core.pages.selection import parse_selection

    try:
        parse_selection(text)
    except PageSelectionError as error:
        raise typer.BadParameter(str(error), param_hint="--pages") from None
    return text


def _order(settings: Settings, target: str, part: Shard, *, text_layer: TextLayerChoice, **asked: object) -> Order:
    """Return what is asked for, of the model that the store has now: a newer one is not taken up on the way."""
    from service.bulk.reading import Order
    from service.engine.loading import open_model_store

    bundle = open_model_store(settings).open(settings.model)
    return Order(
        target=target,
        shard=str(part),
        model=bundle.ref,
        digest=bundle.digest,
        store=settings.model_store,
        backend=settings.backend,
        precision=settings.precision,
        cache_dir=str(settings.cache_dir),
        text_layer=text_layer.value,
        max_pixels=settings.max_pixels,
        **asked,  # type: ignore[arg-type]
    )


def _here(order: Order, threads: int | None, processes: int | None) -> tuple[Order, ReadAll]:
    """Return the order for each process, and what reads with them."""
    from dataclasses import replace

    from service.bulk.processes import parted, read_in_processes

    count, each = parted(order.backend, threads, processes)
    order = replace(order, threads=each)
    return order, lambda tasks, on_page: read_in_processes(tasks, order, processes=count, on_page=on_page)


def _by_ray(order: Order, address: str, threads: int | None, processes: int | None) -> tuple[Order, ReadAll]:
    """Return the same for actors of a cluster, with one core each where it is not said."""
    from dataclasses import replace

    from service.bulk.on_ray import read_on_ray

    order = replace(order, threads=threads or 1)
    return order, lambda tasks, on_page: read_on_ray(tasks, order, address=address, actors=processes, on_page=on_page)
