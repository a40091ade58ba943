"""Reading on a Ray cluster: an actor for each group of cores; Ray places them and starts those anew that die.

What actors read and write goes straight from and to the store; through Ray's object store go tasks and entries alone.
"""

from __future__ import annotations

import faulthandler
import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from service.bulk.errors import BulkError, StoppedError
from service.bulk.manifest import Entry
from service.bulk.processes import AHEAD, ATTEMPTS, PATIENCE, TICK
from service.bulk.reading import FileReader, Order, Task, failed_entry


def read_on_ray(
    tasks: Iterable[Task],
    order: Order,
    *,
    address: str,
    actors: int | None = None,
    on_page: Callable[[], None] = lambda: None,
) -> Generator[Entry | None, None, None]:
    """Read files on a cluster; otherwise as `read_in_processes`.

    Args:
        tasks: the files.
        order: what is asked for. Places in it are the same for all nodes: URLs, or folders that all of them have.
        address: of the cluster: `auto`, `ray://host:10001`, or `local` for a cluster on this machine alone.
        actors: how many read; None is as many as the cluster has cores for.
        on_page: called for each page, when its file is done.

    Raises:
        BulkError: Ray is not installed, or there is no cluster at the address.
        StoppedError: the model cannot be loaded, or nothing can be written.
    """
    try:
        import ray
    except ImportError as error:
        raise BulkError("Ray is not installed: pip install 'ocr-service[ray]'") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody who was not asked
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BulkError(f"no Ray cluster at {address}: {error}") from error
    try:
        pool = _Pool(ray, iter(tasks), order, actors, on_page)
        yield from pool.entries()
    finally:
        ray.shutdown()  # its actors end with it


class _Reader:
    """A `FileReader` as an actor. Its process ends itself if it gives no page for `PATIENCE` seconds."""

    def __init__(self, order: Order) -> None:
        self._reader = FileReader(order)
        self._reading = 0

    def ready(self) -> None:
        """Answer, once the model is loaded."""

    def read(self, task: Task) -> Entry:
        """Read a file."""
        self._reading += 1
        self._watch()
        try:
            return self._reader.read(task, self._watch)
        finally:
            self._reading -= 1
            self._watch()

    def _watch(self) -> None:
        # A thread of C's, which no hanging decoder keeps from running.
        if self._reading:
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
        else:
            faulthandler.cancel_dump_traceback_later()


@dataclass(eq=False, slots=True)
class _Actor:
    handle: Any
    ready: bool = False
    alone: bool = False
    """It has a task that is to be blamed if the process dies, and no other."""
    tasks: dict[Any, Task] = field(default_factory=dict)
    """What it has in hand."""


class _Pool:
    def __init__(
        self, ray: Any, tasks: Iterator[Task], order: Order, actors: int | None, on_page: Callable[[], None]
    ) -> None:
        self._ray = ray
        self._tasks = tasks
        self._drained = False
        self._order = order
        self._on_page = on_page
        self._suspects: deque[Task] = deque()
        """Whose process died; each is tried again by an actor that has nothing else."""
        self._owners: dict[Any, _Actor] = {}
        """Of each call under way: whose it is. One that is no task waits for the model."""
        gpus = 1 if order.backend == "cuda" else 0
        resources = ray.cluster_resources()
        fitting = resources.get("GPU", 0) if gpus else resources.get("CPU", 1) // order.threads
        remote = ray.remote(_Reader).options(
            num_cpus=order.threads, num_gpus=gpus, max_restarts=-1, max_concurrency=order.threads + AHEAD
        )
        self._actors = [_Actor(remote.remote(order)) for _ in range(actors or max(1, int(fitting)))]
        for actor in self._actors:
            self._load(actor)

    def _load(self, actor: _Actor) -> None:
        """Wait until an actor is there: calls of one that is being started anew fail at once, but for this one."""
        self._owners[actor.handle.ready.options(max_task_retries=-1).remote()] = actor

    def entries(self) -> Iterator[Entry | None]:
        """Yield entries until there are no tasks left."""
        while True:
            self._hand_out()
            if self._drained and not self._suspects and not any(actor.tasks for actor in self._actors):
                return
            found, _ = self._ray.wait(list(self._owners), timeout=TICK)
            if found:  # with the first, all others that are there
                found, _ = self._ray.wait(list(self._owners), num_returns=len(self._owners), timeout=0)
            for call in found:
                yield from self._take(call)
            yield None

    def _hand_out(self) -> None:
        """Give whoever has least, as the processes of one machine are given."""
        ahead = AHEAD + 1 if all(actor.ready for actor in self._actors) else 0
        while free := [actor for actor in self._actors if self._may_have(actor, self._order.threads + ahead)]:
            actor = min(free, key=lambda actor: len(actor.tasks))
            if self._suspects:
                task, actor.alone = self._suspects.popleft(), True
                call = actor.handle.read.options(max_task_retries=ATTEMPTS - 2).remote(task)
            else:
                found = next(self._tasks, None)
                self._drained = found is None
                if found is None:
                    return
                task, call = found, actor.handle.read.remote(found)
            actor.tasks[call] = task
            self._owners[call] = actor

    def _may_have(self, actor: _Actor, slots: int) -> bool:
        blocked = actor.alone or not actor.ready or bool(self._suspects and actor.tasks)
        return not blocked and len(actor.tasks) < slots

    def _take(self, call: Any) -> Iterator[Entry]:
        actor = self._owners.pop(call)
        task = actor.tasks.pop(call, None)
        alone, actor.alone = actor.alone, False
        try:
            entry = self._ray.get(call)
        except self._ray.exceptions.RayActorError as error:
            if task is None:
                raise StoppedError(f"an actor cannot load the model: {error}") from error
            if actor.ready:
                actor.ready = False
                self._load(actor)
            if alone:
                what = f"the process that read it ended, {ATTEMPTS} times"
                yield failed_entry(task, self._order, "process_died", what)
            else:
                self._suspects.append(replace(task, attempts=task.attempts + ATTEMPTS - 1))
            return
        if task is None:
            actor.ready = True
            return
        for _ in range(entry.pages + entry.failed_pages):
            self._on_page()
        yield entry
