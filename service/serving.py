"""The model that this process serves: loaded and warmed in a thread, then shared by all requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ocr_core.backends.base import Backend
from ocr_core.bundle.reader import Bundle
from ocr_core.errors import OcrError
from ocr_core.pipeline.result import Page, ReadOptions
from service.errors import ModelNotServedError, NotReadyError
from service.metrics import Metrics
from service.settings import Settings
from service.workers import Workers

log = logging.getLogger(__name__)


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

    def warm_up(self) -> None:
        """Run every shape once, so that the first request is as fast as any; blocks."""
        ...

    def read(self, pixels: NDArray[np.uint8], options: ReadOptions) -> Page:
        """Read an H×W×3 BGR image; blocks, safe from any thread."""
        ...

    def close(self) -> None:
        """Free what was loaded."""
        ...


ReaderFactory = Callable[[Settings], Reader]
OnFailure = Callable[[Exception], None]


class State(Enum):
    """Where the model stands."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


_REASONS = {
    State.LOADING: "the model is being loaded",
    State.FAILED: "the model could not be loaded",
    State.CLOSED: "the service is stopping",
}


class Serving:
    """Load, warm up, serve, close, in this order and once each.

    Args:
        settings: what to load.
        load: makes the reader; runs in a thread and may take seconds.
        metrics: told of the model once it is ready.
        on_failure: told why the model could not be loaded.
    """

    def __init__(
        self, settings: Settings, load: ReaderFactory, metrics: Metrics, on_failure: OnFailure | None = None
    ) -> None:
        self.settings = settings
        self.state = State.LOADING
        self._load = load
        self._metrics = metrics
        self._on_failure = on_failure
        self._reader: Reader | None = None
        self._workers: Workers | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def reader(self) -> Reader:
        """The warmed engine; ask `require_ready` first."""
        self.require_ready()
        assert self._reader is not None
        return self._reader

    @property
    def workers(self) -> Workers:
        """The threads that read with it; ask `require_ready` first."""
        self.require_ready()
        assert self._workers is not None
        return self._workers

    @property
    def digest(self) -> str | None:
        """Digest of the model, None while there is none."""
        return self.reader.bundle.digest if self.state is State.READY else None

    def require_ready(self) -> None:
        """Raise NotReadyError unless requests can be served."""
        if self.state is not State.READY:
            raise NotReadyError(_REASONS[self.state])

    def reader_for(self, wanted: str | None) -> Reader:
        """Return the reader for the model that a request names, `name[@version]`.

        Raises:
            NotReadyError: there is none now.
            ModelNotServedError: another model is served.
        """
        bundle = self.reader.bundle
        if wanted not in {None, bundle.manifest.name, bundle.ref}:
            raise ModelNotServedError(f"{wanted} is not served here; {bundle.ref} is")
        return self.reader

    def start(self) -> None:
        """Begin to load; returns at once."""
        self._task = asyncio.create_task(self._run())

    async def settled(self) -> State:
        """Wait until the model is ready or has failed."""
        if self._task is not None:
            await self._task
        return self.state

    async def close(self) -> None:
        """Finish what is being read and free the engine."""
        await self.settled()
        self.state = State.CLOSED
        if self._workers is not None:
            await asyncio.to_thread(self._workers.close)
        if self._reader is not None:
            await asyncio.to_thread(self._reader.close)

    async def _run(self) -> None:
        start = time.perf_counter()
        try:
            self._reader = await asyncio.to_thread(self._load_and_warm)
        except Exception as error:
            self.state = State.FAILED
            expected = isinstance(error, OcrError)
            log.error("the model could not be loaded: %s", error, exc_info=None if expected else error)
            if self._on_failure:
                self._on_failure(error)
            return
        bundle, backend = self._reader.bundle, self._reader.backend
        self._workers = Workers(backend.policy.streams, self.settings.max_queue_size)
        model = {"name": bundle.manifest.name, "version": bundle.manifest.version, "digest": bundle.digest}
        runtime = {"backend": backend.name, "provider": backend.provider}
        self._metrics.model_info.labels(**model, **runtime).set(1)
        self.state = State.READY
        log.info(
            "ready",
            extra={
                **{f"model_{key}": value for key, value in model.items()},
                **runtime,
                "streams": backend.policy.streams,
                "threads": backend.policy.threads,
                "seconds": round(time.perf_counter() - start, 2),
            },
        )

    def _load_and_warm(self) -> Reader:
        reader = self._load(self.settings)
        reader.warm_up()
        return reader
