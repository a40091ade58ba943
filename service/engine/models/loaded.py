"""A model in memory, closed when the last request is done with it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ocr_core.backends.base import Backend
from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline.result import Page, ReadOptions
from ocr_core.pipeline.runner import Networks, Runner
from service.engine.batching.stages import Stages


class Reader(Protocol):
    """What the service needs of an engine; `ocr_core.pipeline.engine.Engine` is one."""

    @property
    def bundle(self) -> Bundle:
        """The model."""
        ...

    @property
    def backend(self) -> Backend:
        """What computes it."""
        ...

    @property
    def networks(self) -> Networks:
        """What it reads with."""
        ...

    def warm_up(self) -> None:
        """Run every shape once, so that the first request is as fast as any; blocks."""
        ...

    def read(self, pixels: NDArray[np.uint8], options: ReadOptions, *, runner: Runner) -> Page:
        """Read an H×W×3 BGR image; blocks, safe from any thread."""
        ...

    def close(self) -> None:
        """Free what was loaded."""
        ...


RECENT = 100
"""Requests of which a model remembers whether they missed their deadlines."""


class Loaded:
    """A warmed reader and who uses it. Safe from any thread.

    Args:
        reader: the engine.
        stages: its networks, as the scheduler computes them.
        on_idle: called once with this, when it is retired and nobody uses it any more.
    """

    def __init__(self, reader: Reader, stages: Stages, on_idle: Callable[[Loaded], None]) -> None:
        self.reader = reader
        self.stages = stages
        self._on_idle = on_idle
        self._lock = threading.Lock()
        self._users = 0
        self._retired = False
        self._late: deque[bool] = deque(maxlen=RECENT)

    @property
    def bundle(self) -> Bundle:
        """The model."""
        return self.reader.bundle

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.bundle.manifest.name

    @property
    def version(self) -> str:
        """Version of the model."""
        return self.bundle.manifest.version

    @property
    def labels(self) -> tuple[str, str, str, str, str]:
        """Name, version and digest, backend and provider."""
        backend = self.reader.backend
        return self.name, self.version, self.bundle.digest, backend.name, backend.provider

    def note_request(self, *, late: bool) -> None:
        """Remember whether a request whose images it read missed its deadline."""
        self._late.append(late)

    def lately_late(self) -> int:
        """Return how many of its last requests missed their deadlines."""
        return sum(self._late)

    def acquire(self) -> None:
        """Keep the model open until `release`."""
        with self._lock:
            self._users += 1

    def release(self) -> None:
        """Be done with the model."""
        with self._lock:
            self._users -= 1
            idle = self._retired and not self._users
        if idle:
            self._on_idle(self)

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Keep the model open while this lasts."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def retire(self) -> None:
        """Close the model once nobody uses it; nobody new will."""
        with self._lock:
            idle = not self._retired and not self._users
            self._retired = True
        if idle:
            self._on_idle(self)
