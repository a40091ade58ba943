"""The endless stream of batches that a process trains on, from any position."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from trainer.distributed import World

Arrays = dict[str, Any]
PREFETCH = 2
LOOK_SECONDS = 1.0
"""Between two looks of a worker whether its run is still there."""


class Groups(Protocol):
    """Batches by group number: a function of the number alone, so that any worker may compute any group."""

    def __getitem__(self, number: int) -> list[Arrays]:
        """Return the batches of group `number`."""
        ...


class _Numbers(Sampler[int]):
    def __init__(self, start: int, step: int) -> None:
        self.start = start
        self.step = step

    def __iter__(self) -> Iterator[int]:
        number = self.start
        while True:
            yield number
            number += self.step


def stream(
    groups: Groups, group: int, position: int, world: World, workers: int, pin: bool
) -> Generator[Arrays, None, None]:
    """Yield the batches of this process from its batch number `position` on.

    Process r of R takes the groups r, r + R, ...; each group holds `group` batches. Workers are forked once and live as
    long as the stream: close it. With `pin` batches come as tensors in page-locked memory, for a GPU; else as arrays.
    """
    number, skip = divmod(position, group)
    loader: DataLoader[Any] = DataLoader(
        groups,  # type: ignore[arg-type] # a sampler without end stands in for a length
        batch_size=None,
        sampler=_Numbers(number * world.size + world.rank, world.size),
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        multiprocessing_context="fork" if workers else None,
        # Arrays travel through a pipe: slower than shared memory, but containers have little of that.
        collate_fn=_tensors if pin else _as_they_are,
        pin_memory=pin,
        worker_init_fn=_start_worker,
        # Its own, or each start of a stream would draw from the global generator, and a resumed run would differ.
        generator=torch.Generator(),
    )
    for batches in loader:
        yield from batches[skip:]
        skip = 0


def _as_they_are(batches: list[Arrays]) -> list[Arrays]:
    return batches


def _tensors(batches: list[Arrays]) -> list[Arrays]:
    return [
        {name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in batch.items()}
        for batch in batches
    ]


def _start_worker(_: int) -> None:
    # Whoever stops a run often signals all its processes; the run still needs its workers to reach the step's end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    run = multiprocessing.parent_process()
    if run is not None and run.pid is not None:
        threading.Thread(target=_end_after, args=(run.pid,), daemon=True).start()


def _end_after(run: int) -> None:
    """End this worker when its run was killed: it would wait for ever for somebody to take its batches.

    torch's own watchdog ends by waiting for just that: the pipe never breaks, since the workers hold it too.
    """
    while os.getppid() == run:
        time.sleep(LOOK_SECONDS)
    os._exit(1)
