"""Orders that need no model, and readers that die, hang or fail as the pictures tell them to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from service_fakes import FakeReader, two_lines

from ocr_core.errors import BackendError
from ocr_core.pipeline.result import Page, ReadOptions
from service.bulk.items import Shard, list_items
from service.bulk.manifest import Entry
from service.bulk.reading import FileReader, Order, Task
from service.bulk.run import Choices, Plan, Tally, run_batch

KILLS, HANGS, FAULTY = 41, 42, 43
"""Widths of pictures over which a process dies, hangs, or the engine fails."""


def _tried(pixels: np.ndarray, options: ReadOptions) -> Page:
    width = pixels.shape[1]
    if width == KILLS:
        os.kill(os.getpid(), signal.SIGKILL)
    if width == HANGS:
        time.sleep(3600)
    if width == FAULTY:
        raise BackendError("the engine failed")
    return two_lines(pixels, options)


def load_fake(order: Order) -> Any:
    """Load a reader; processes import this function by its name."""
    return FakeReader(_tried, streams=order.threads)


def load_nothing(_: Order) -> Any:
    raise BackendError("no such model")


def die(_: Order) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def order_for(target: Path | str, **fields: Any) -> Order:
    given: dict[str, Any] = {
        "target": str(target),
        "shard": str(Shard()),
        "model": "fake@1",
        "digest": "0" * 64,
        "load": load_fake,
    }
    return Order(**(given | fields))


def here(order: Order, tried: list[str] | None = None) -> Callable[..., Generator[Entry | None, None, None]]:
    """Return what reads in this thread, and takes down the names that it is given."""

    def read_all(tasks: Iterable[Task], on_page: Callable[[], None]) -> Generator[Entry | None, None, None]:
        reader = FileReader(order)
        for task in tasks:
            if tried is not None:
                tried.append(task.item.name)
            yield reader.read(task, on_page)
            yield None

    return read_all


def batch(
    source: Path | str, target: Path | str, *, shard: Shard | None = None, fields: Any = None, **choices: Any
) -> tuple[Plan, Tally, list[str]]:
    """Run in this thread; return the plan, the tally and the names that were looked at."""
    shard = shard or Shard()
    order = order_for(target, shard=str(shard), **(fields or {}))
    tried: list[str] = []
    items = list_items(str(source), shard, target=str(target))
    plan, tally = run_batch(items, order, shard, here(order, tried), Choices(**choices))
    return plan, tally, tried


def tree(folder: Path) -> dict[str, bytes]:
    """Return the outputs below a folder by name, without what the run keeps for itself."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "_ocr" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
