"""The engine room: models, threads and limits of one process, from start to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from ocr_core.cpu import available_cores
from ocr_core.errors import OcrError
from service.engine.admission import Admission
from service.engine.batching.scheduler import Scheduler
from service.engine.health import Watchdog
from service.engine.loading import open_model_store
from service.engine.models.loaded import Loaded
from service.engine.models.registry import Models, ReaderFactory
from service.engine.models.watcher import Watcher
from service.engine.threads import wait_in_thread
from service.engine.workers import Workers
from service.errors import NotReadyError
from service.observe.metrics import Metrics
from service.settings import Settings

log = logging.getLogger(__name__)

OnFailure = Callable[[Exception], None]

JOIN_SECONDS = 2.0
"""How long threads that compute, and those that decode, are waited for at the end."""


class State(Enum):
    """Where the process stands."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


_REASONS = {
    State.LOADING: "the model is being loaded",
    State.FAILED: "the service could not be started",
    State.CLOSED: "the service is stopping",
}


class Serving:
    """Load, warm up, serve, drain, close, in this order and once each.

    Args:
        settings: what to load and within which limits.
        load: makes a reader; runs in a thread and may take seconds.
        metrics: told of what happens.
        on_failure: told why the service could not be started.
    """

    def __init__(
        self, settings: Settings, load: ReaderFactory, metrics: Metrics, on_failure: OnFailure | None = None
    ) -> None:
        self.settings = settings
        self.state = State.LOADING
        self.url: str | None = None
        """Where it is asked, for the log."""
        self.models = Models(settings, load, metrics)
        self.admission = Admission(
            max_requests=settings.max_concurrent_requests,
            max_images=settings.max_queue_size,
            max_bytes=settings.max_memory,
            max_body=settings.payload_limit,
            max_documents=settings.max_documents,
            backlog=lambda: self.scheduler.backlog_seconds(),
        )
        self._metrics = metrics
        self._on_failure = on_failure
        self._scheduler: Scheduler | None = None
        self._workers: Workers | None = None
        self._watchdog: Watchdog | None = None
        self._start: asyncio.Task[None] | None = None
        self._drained: asyncio.Task[None] | None = None
        self._watching: list[asyncio.Task[None]] = []

    @property
    def scheduler(self) -> Scheduler:
        """What computes the networks; there is one once the state is READY."""
        assert self._scheduler is not None
        return self._scheduler

    @property
    def workers(self) -> Workers:
        """The threads that read; there are some once the state is READY."""
        assert self._workers is not None
        return self._workers

    @property
    def digest(self) -> str | None:
        """Digest of the model that answers as a rule, None while there is none."""
        return self.models.default.bundle.digest if self.state is State.READY else None

    def require_ready(self) -> None:
        """Raise NotReadyError unless requests can be served."""
        if self.state is not State.READY:
            raise NotReadyError(_REASONS[self.state])

    def require_alive(self) -> None:
        """Raise NotReadyError or UnhealthyError if only a new process will help."""
        if self.state is State.FAILED:
            self.require_ready()
        if self._watchdog is not None:
            self._watchdog.require()

    def start(self) -> None:
        """Begin to load; returns at once."""
        self._start = asyncio.create_task(self._run())

    async def settled(self) -> State:
        """Wait until the model is ready or has failed."""
        if self._start is not None:
            await asyncio.wait([self._start])
        return self.state

    async def drain(self) -> None:
        """Let in no more requests and wait for those inside; what is left after the time of grace is given up.

        A model that is still being loaded is not waited for. A second call waits for the first.
        """
        if self._drained is None:
            if self._start is not None:
                self._start.cancel()
            if self.state is not State.FAILED:
                self.state = State.CLOSED
            self._drained = asyncio.create_task(self._wait_for_those_inside())
        await asyncio.shield(self._drained)

    async def close(self) -> None:
        """Drain and free everything; what hangs in a network or a decoder is left behind."""
        await self.drain()
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await wait_in_thread(self._free, "close")

    async def _wait_for_those_inside(self) -> None:
        log.info("draining")
        try:
            await asyncio.wait_for(self.admission.empty(), self.settings.shutdown_grace_seconds)
        except asyncio.TimeoutError:
            log.error("not all requests were finished in time")
            if self._scheduler is not None:
                self._scheduler.give_up()

    def _free(self) -> None:
        if self._scheduler is not None:
            self._scheduler.close(JOIN_SECONDS)
        if self._workers is not None and (hung := self._workers.close(JOIN_SECONDS)):
            log.error("%d images are still being decoded, and are left behind", hung)
        self.models.close()

    async def _run(self) -> None:
        try:
            self._serve(await self.models.start())
        except Exception as error:
            self.state = State.FAILED
            expected = isinstance(error, OcrError)
            log.error("the service could not be started: %s", error, exc_info=None if expected else error)
            if self._on_failure:
                self._on_failure(error)

    def _serve(self, model: Loaded) -> None:
        streams = model.reader.backend.policy.streams
        self._scheduler = Scheduler(
            streams,
            max_pixels=self.settings.max_batch_pixels,
            max_delay=self.settings.max_queue_delay_microseconds / 1e6,
            metrics=self._metrics,
        )
        # Enough that every stream and every core has an image to work on. With more of them the streams share their
        # cores with threads that decode, and whoever waits for one input of a page waits twice as long.
        slots = max(streams, self.settings.threads or available_cores())
        self._workers = Workers(slots, self._metrics)
        self._watchdog = Watchdog(self._scheduler, self._workers, self.models)
        self._watch()
        self.state = State.READY
        place = {} if self.url is None else {"url": self.url}
        log.info("ready", extra={"model": model.bundle.ref, "streams": streams, **place})

    def _watch(self) -> None:
        assert self._watchdog is not None
        self._watching.append(asyncio.create_task(self._watchdog.run()))
        if self.settings.model_poll_seconds:
            watcher = Watcher(self.models, lambda name: open_model_store(self.settings).current(name))
            self._watching.append(asyncio.create_task(watcher.run(self.settings.model_poll_seconds)))
