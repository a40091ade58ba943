"""Reading in processes of this machine, one for each group of cores; one that dies or hangs is replaced."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from ocr_core.cgroup import memory_limit
from ocr_core.cpu import available_cores
from ocr_core.errors import OcrError
from service.bulk.errors import StoppedError
from service.bulk.manifest import Entry
from service.bulk.reading import FileReader, Order, Task, failed_entry

AHEAD = 2
"""Files beyond those being computed that a process fetches, decodes or writes meanwhile."""
ATTEMPTS = 3
"""How often a file is tried whose process dies or hangs: beside others, then twice alone, so that none is to blame but
itself."""
PATIENCE = 300.0
"""Seconds without a page, or until it is loaded, after which a process is taken to hang. A page of a PDF may take 20
seconds to draw, and the largest pages on a slow machine a minute to read."""
MEMORY = 1 << 30
"""Bytes that a process may come to need: the model is half of it, and pages under way."""
TICK = 1.0
"""Seconds between two looks at the clock."""
STARTS = 3
"""Processes in a row that may end before they are loaded."""


def parted(backend: str, cores: int | None = None, processes: int | None = None) -> tuple[int, int]:
    """Return how many processes share the cores of this machine, and how many each has.

    Args:
        backend: that computes; a GPU is not shared.
        cores: to use; None is what the affinity and the quota allow.
        processes: how many; None is one a core, or fewer where memory is short.
    """
    cores = cores or available_cores()
    fitting = max(1, (memory_limit() or sys.maxsize) // MEMORY)
    count = processes or (1 if backend == "cuda" else min(cores, fitting))
    return count, max(1, cores // count)


def read_in_processes(
    tasks: Iterable[Task],
    order: Order,
    *,
    processes: int,
    patience: float = PATIENCE,
    on_page: Callable[[], None] = lambda: None,
) -> Generator[Entry | None, None, None]:
    """Read files and yield what became of them, in no order, and None now and then.

    Closing the iterator ends the processes at once.

    Args:
        tasks: the files; taken one by one as processes get ready for them.
        order: what is asked for.
        processes: how many read.
        patience: seconds without a page after which a process is taken to hang.
        on_page: called for each page that was read.

    Raises:
        OcrError: the model cannot be loaded.
        StoppedError: nothing can be written, or processes end before they are loaded.
    """
    pool = _Pool(iter(tasks), order, processes, patience, on_page)
    try:
        yield from pool.entries()
    finally:
        pool.kill()


@dataclass(frozen=True, slots=True)
class _Try:
    task: Task
    deaths: int = 0
    """Processes that have died or hung over it."""


@dataclass(eq=False, slots=True)
class _Worker:
    process: Any
    connection: Connection
    tries: dict[int, _Try] = field(default_factory=dict)
    """What it has and has not answered yet."""
    begun: set[int] = field(default_factory=set)
    """What of that its threads work on."""
    streams: int = 0
    """How many pages it computes side by side; 0 until it is loaded."""
    heard: float = 0.0
    """When it last told of anything or was given something to do, by the pool's clock."""


class _Pool:
    def __init__(
        self, tasks: Iterator[Task], order: Order, processes: int, patience: float, on_page: Callable[[], None]
    ) -> None:
        self._tasks = tasks
        self._drained = False
        self._back: deque[_Try] = deque()
        """Given to a process that died before it began with them."""
        self._suspects: deque[_Try] = deque()
        """Each is tried again by a process that has nothing else."""
        self._order = order
        self._patience = patience
        self._on_page = on_page
        self._numbers = itertools.count()
        self._clock = _RunningClock()
        self._stillborn = 0
        self._context = multiprocessing.get_context("spawn")
        self._workers = [self._start() for _ in range(processes)]

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._order), daemon=True)
        process.start()
        theirs.close()  # the process has the only other end: if it dies, ours ends
        return _Worker(process, ours, heard=self._clock.now)

    def kill(self) -> None:
        """End all processes at once."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def entries(self) -> Iterator[Entry | None]:
        """Yield entries until there are no tasks left."""
        while True:
            self._hand_out()
            if self._drained and not (self._back or self._suspects or any(each.tries for each in self._workers)):
                return
            ready = set(connection.wait([worker.connection for worker in self._workers], TICK))
            self._clock.tick()
            for at, worker in enumerate(self._workers):
                if worker.connection in ready:
                    try:
                        message = worker.connection.recv()
                    except (EOFError, OSError):
                        yield from self._replace(at, "process_died", "ended")
                    else:
                        yield from self._hear(worker, *message)
                elif self._hangs(worker):
                    yield from self._replace(at, "process_hung", f"gave no page for {self._patience:g} seconds")
            yield None

    def _hand_out(self) -> None:
        """Give files to whoever has least.

        While some processes are still loading none gets more than it computes, or few long files would go to one.
        """
        ahead = AHEAD + 1 if all(worker.streams for worker in self._workers) else 0
        while free := [worker for worker in self._workers if self._may_have(worker, ahead)]:
            worker = min(free, key=lambda worker: len(worker.tries))
            found = self._suspects.popleft() if self._suspects else self._next()
            if found is None:
                return
            if not worker.tries:
                worker.heard = self._clock.now
            number = next(self._numbers)
            worker.tries[number] = found
            with contextlib.suppress(OSError):  # it is dead, which will be heard
                worker.connection.send((number, found.task))

    def _may_have(self, worker: _Worker, ahead: int) -> bool:
        if any(each.deaths for each in worker.tries.values()) or (self._suspects and worker.tries):
            return False
        return len(worker.tries) < (worker.streams + ahead if worker.streams else 0)

    def _next(self) -> _Try | None:
        if self._back:
            return self._back.popleft()
        task = next(self._tasks, None)
        self._drained = task is None
        return None if task is None else _Try(task)

    def _hear(self, worker: _Worker, kind: str, number: int, content: Any = None) -> Iterator[Entry]:
        worker.heard = self._clock.now
        if kind == "ready":
            worker.streams = number
            self._stillborn = 0
        elif kind == "begun":
            worker.begun.add(number)
        elif kind == "page":
            self._on_page()
        elif kind == "entry":
            del worker.tries[number]
            worker.begun.discard(number)
            yield content
        else:
            raise content

    def _hangs(self, worker: _Worker) -> bool:
        silent = self._clock.now - worker.heard
        return silent > (self._patience if worker.streams else PATIENCE) and bool(worker.tries or not worker.streams)

    def _replace(self, at: int, code: str, what: str) -> Iterator[Entry]:
        """Put another process in the place of one that died or hangs; yield the files that it shall not try again."""
        worker = self._workers[at]
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        if not worker.streams:
            self._stillborn += 1
            if self._stillborn == STARTS:
                raise StoppedError(
                    f"processes end before they have loaded the model (exit code {worker.process.exitcode}); "
                    "if memory is short, take fewer by --processes"
                )
        self._workers[at] = self._start()
        for number, tried in worker.tries.items():
            deaths = tried.deaths + 1
            if number not in worker.begun:
                self._back.append(tried)
            elif deaths < ATTEMPTS:
                self._suspects.append(_Try(replace(tried.task, attempts=tried.task.attempts + 1), deaths))
            else:
                yield failed_entry(tried.task, self._order, code, f"the process that read it {what}, {deaths} times")


class _RunningClock:
    """Seconds in which this process could run: those count not in which all was stopped, or the machine asleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self._last = time.monotonic()

    def tick(self) -> None:
        """Look at the clock; called about every `TICK` seconds."""
        last, self._last = self._last, time.monotonic()
        self.now += min(self._last - last, 2 * TICK)


def _work(pipe: Connection, order: Order) -> None:
    """Read what comes through the pipe until it ends; the body of a process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # which terminals and systemd send to all: who started it ends it
        signal.signal(number, signal.SIG_IGN)
    lock = threading.Lock()

    def tell(*message: object) -> None:
        with lock:
            pipe.send(message)

    def read(number: int, task: Task) -> None:
        try:
            tell("begun", number)
            tell("entry", number, reader.read(task, lambda: tell("page", number)))
        except StoppedError as error:
            tell("stopped", number, error)
        except BaseException as error:
            tell("stopped", number, StoppedError(f"{type(error).__name__}: {error}"))

    try:
        reader = FileReader(order)
    except (OcrError, OSError) as error:
        tell("unable", 0, error)
        return
    pool = ThreadPoolExecutor(reader.streams + AHEAD)
    tell("ready", reader.streams)
    with contextlib.suppress(EOFError, OSError):
        while True:
            pool.submit(read, *pipe.recv())
    os._exit(0)  # whoever started it is gone, and nobody waits for what it has in hand
