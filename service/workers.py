"""The threads in which images are decoded and read, and the line in front of them."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from service.batching.fairness import Share
from service.batching.turns import Turns
from service.metrics import Metrics

T = TypeVar("T")


@dataclass(eq=False, frozen=True, slots=True)
class _Job:
    work: Callable[[], Any]
    future: Future[Any]


class Workers:
    """Runs blocking jobs off the event loop, those first that are first in fairness.

    A job holds its thread while the scheduler computes for it, so there are threads for all that is admitted; `slots`
    says how many of them are at work as a rule.
    """

    def __init__(self, slots: int, max_jobs: int, metrics: Metrics) -> None:
        self._turns: Turns[_Job] = Turns(slots)
        self._pool = ThreadPoolExecutor(max_jobs, thread_name_prefix="read")
        self._lock = threading.Lock()
        self._waiting = metrics.queue_size.labels("decode")

    def submit(self, share: Share, work: Callable[[], T]) -> Future[T]:
        """Queue a job of the request that has `share`. Cancelling the future takes it out of the line, unless begun."""
        # The copied context carries the request's id into the thread's log lines.
        context = contextvars.copy_context()
        future: Future[T] = Future()
        job = _Job(lambda: context.run(work), future)
        with self._lock:
            self._turns.put(share, job)
            self._waiting.inc()
        future.add_done_callback(lambda _: self._withdraw(job))
        self._begin_some()
        return future

    def close(self) -> None:
        """Finish what was begun; blocks."""
        self._pool.shutdown()

    def _begin_some(self) -> None:
        with self._lock:
            while begun := self._turns.begin():
                self._waiting.dec()
                self._pool.submit(self._run, *begun)

    def _run(self, share: Share, job: _Job) -> None:
        try:
            if job.future.set_running_or_notify_cancel():
                try:
                    result = job.work()
                except BaseException as error:
                    job.future.set_exception(error)
                else:
                    job.future.set_result(result)
        finally:
            with self._lock:
                self._turns.end(share)
            self._begin_some()

    def _withdraw(self, job: _Job) -> None:
        with self._lock:
            if self._turns.withdraw(job):
                self._waiting.dec()
