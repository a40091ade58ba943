"""The threads that decode and read, and the bounded line in front of them."""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from service.errors import OverloadedError

T = TypeVar("T")

_MEMORY = 0.2
"""Weight of the newest image in the running mean of service times."""


class Workers:
    """Runs blocking jobs off the event loop, as many at a time as the engine has streams.

    Jobs beyond `threads` wait, at most `max_queue_size` of them; more are refused at once, with the time after which a
    place will be free as recent jobs tell.
    """

    def __init__(self, threads: int, max_queue_size: int) -> None:
        self._threads = threads
        self._capacity = threads + max_queue_size
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="read")
        self._lock = threading.Lock()
        self._pending = 0
        self._mean_seconds = 1.0

    @property
    def pending(self) -> int:
        """Jobs running or waiting."""
        return self._pending

    def retry_after(self) -> int:
        """Return the whole seconds, at least 1, until the line of now is worked off."""
        return max(1, math.ceil(self._pending * self._mean_seconds / self._threads))

    def submit(self, *jobs: Callable[[], T]) -> list[asyncio.Future[T]]:
        """Queue all of `jobs` or none. Cancelling a future takes its job out of the line unless it has begun.

        Raises:
            OverloadedError: they would exceed the queue.
        """
        with self._lock:
            if self._pending + len(jobs) > self._capacity:
                raise OverloadedError("the queue is full", retry_after=self.retry_after())
            self._pending += len(jobs)
        return [asyncio.wrap_future(self._start(job)) for job in jobs]

    def close(self) -> None:
        """Drop what waits, finish what runs; blocks."""
        self._pool.shutdown(cancel_futures=True)

    def _start(self, job: Callable[[], T]) -> Future[T]:
        # The copied context carries the request's id into the thread's log lines.
        future = self._pool.submit(contextvars.copy_context().run, self._timed, job)
        future.add_done_callback(self._release)
        return future

    def _timed(self, job: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = job()
        # A job that failed says nothing of how long a good one takes.
        with self._lock:
            self._mean_seconds += _MEMORY * (time.perf_counter() - start - self._mean_seconds)
        return result

    def _release(self, _: Future[T]) -> None:
        with self._lock:
            self._pending -= 1
