"""A run: what is to be read, by whom, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Literal

from service.bulk.destination import Destination, open_destination
from service.bulk.errors import BulkError
from service.bulk.items import Item, Shard
from service.bulk.manifest import Entry, Manifest
from service.bulk.reading import Order, Task, has_outputs

FLUSH_SECONDS = 10.0
"""How long an entry may be in memory alone, where the destination is a store: so much is read again after a kill."""

Outdated = Literal["stop", "keep", "read"]
"""What becomes of files that were read by another model or with other choices: the run does not begin, they stay as
they are, or they are read again."""
ReadAll = Callable[[Iterable[Task], Callable[[], None]], Generator[Entry | None, None, None]]
"""Reads files: `read_in_processes` or `read_on_ray` with their arguments; the second argument is called a page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Which files are read, and when to end."""

    resume: bool = True
    """Leave out what was done before; else all is read again."""
    retry_failed: bool = False
    """Read those that failed before, and no others."""
    outdated: Outdated = "stop"
    max_errors: int | None = None
    """Files that may fail; with one more the run ends."""


@dataclass(kw_only=True, slots=True)
class Plan:
    """What a run will do with each file."""

    tasks: list[Task] = field(default_factory=list)
    done: int = 0
    """Done before, and left as they are."""
    failed: int = 0
    """Failed before, and not tried again."""
    outdated: int = 0
    """Done before in another way; among the tasks, or among those done."""
    waiting: int = 0
    """Neither read before nor now: files that are new where only failed ones are read."""

    @property
    def files(self) -> int:
        """All files of the shard."""
        return len(self.tasks) + self.done + self.failed + self.waiting


@dataclass(kw_only=True, slots=True)
class Tally:
    """What a run has done so far."""

    read: int = 0
    """Files of which all was read."""
    failed: int = 0
    """Files that failed, those of which some pages were read among them."""
    unchanged: int = 0
    """Files that were touched but are what they were: done before, and not read."""
    pages: int = 0
    """Of the files that are finished."""
    live_pages: int = 0
    """Those of files under way too, for the rate; a file that is begun anew counts again."""
    outcome: Literal["complete", "errors", "interrupted"] = "complete"

    @property
    def files(self) -> int:
        """Files that are finished."""
        return self.read + self.failed + self.unchanged


def make_plan(
    items: Iterable[Item], manifest: Manifest, order: Order, destination: Destination, choices: Choices
) -> Plan:
    """Decide what becomes of each file.

    Args:
        items: the files of the shard.
        manifest: what is known from before.
        order: what is asked for.
        destination: where outputs go.
        choices: which files are read. Where outdated ones are to stop a run they count as done.
    """
    plan = Plan()
    for item in items:
        known = manifest.get(item.name)
        failed = known is not None and known.status == "failed"
        task = Task(item, known, known.attempts + 1 if known and failed else 1)
        if choices.retry_failed:
            if failed:
                plan.tasks.append(replace(task, fresh=True))
            else:
                plan.done += known is not None
                plan.waiting += known is None
        elif known is None or not choices.resume:
            plan.tasks.append(replace(task, fresh=True))
        elif known.stamp != item.stamp:  # perhaps it was changed: its content tells
            plan.tasks.append(task)
        elif failed:
            plan.failed += 1
        elif known.recipe != order.recipe:
            plan.outdated += 1
            if choices.outdated == "read":
                plan.tasks.append(task)
            else:
                plan.done += 1
        elif has_outputs(known, order, destination.has):
            plan.done += 1
        else:
            plan.tasks.append(replace(task, fresh=True))
    return plan


def run_batch(
    items: Sequence[Item],
    order: Order,
    shard: Shard,
    read_all: ReadAll,
    choices: Choices,
    *,
    on_plan: Callable[[Plan], object] = id,
    on_progress: Callable[[Tally, Entry | None], object] = lambda *_: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[Plan, Tally]:
    """Read files, as far as they were not read before; return what was planned and what became of it.

    Args:
        items: the files of the shard.
        order: what is asked for.
        shard: which manifest is written.
        read_all: reads the files.
        choices: which are read.
        on_plan: told what will be done, before anything is.
        on_progress: called with each entry, and about every second without one.
        interrupted: asked about every second whether to end.

    Raises:
        BulkError: another run writes the shard, or files are outdated and nobody has said what becomes of them.
        StoppedError: the destination cannot be read or written. What was done before that is in the manifest.
        OcrError: the model cannot be loaded.
    """
    destination = open_destination(order.target, str(shard))
    with destination.held():
        manifest = Manifest(destination, shard)
        plan = make_plan(items, manifest, order, destination, choices)
        if plan.outdated and choices.outdated == "stop":
            raise BulkError(
                f"{plan.outdated} of {plan.files} files were read by another model or with other choices; "
                "--outdated keep leaves them, --outdated read reads them again"
            )
        on_plan(plan)
        manifest.begin()
        try:
            return plan, _read(plan, manifest, read_all, choices.max_errors, on_progress, interrupted)
        finally:
            manifest.close()


def _read(
    plan: Plan,
    manifest: Manifest,
    read_all: ReadAll,
    max_errors: int | None,
    on_progress: Callable[[Tally, Entry | None], object],
    interrupted: Callable[[], bool],
) -> Tally:
    tally = Tally()
    if not plan.tasks:
        return tally

    def count() -> None:
        tally.live_pages += 1

    known = {task.item.name: task.known for task in plan.tasks if task.known and not task.fresh}
    flushed = time.monotonic()
    with closing(read_all(plan.tasks, count)) as entries:
        for entry in entries:
            # What fails once the run was told to end may do so for that: processes are told as well.
            if entry is not None and not (entry.status == "failed" and interrupted()):
                manifest.add(entry)
                _count(tally, entry, known.get(entry.name))
            if time.monotonic() - flushed > FLUSH_SECONDS:
                manifest.flush()
                flushed = time.monotonic()
            on_progress(tally, entry)
            if max_errors is not None and tally.failed > max_errors:
                tally.outcome = "errors"
                break
            if interrupted():
                tally.outcome = "interrupted"
                break
    return tally


def _count(tally: Tally, entry: Entry, known: Entry | None) -> None:
    unchanged = known is not None and replace(known, stamp=entry.stamp) == entry
    tally.pages += 0 if unchanged else entry.pages
    if entry.status == "failed":
        tally.failed += 1
    elif unchanged:
        tally.unchanged += 1
    else:
        tally.read += 1
