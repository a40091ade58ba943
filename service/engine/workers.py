"""The threads in which images are decoded and read, and the line in front of them."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from service.engine.batching.fairness import Share
from service.engine.batching.turns import Turns
from service.engine.ticket import Clock
from service.observe.metrics import Metrics

T = TypeVar("T")


class _Job:
    """Something to do and the promise of its result.

    The traceback of an error leads to all frames below it, and by them back to the job: unless the job forgets, that is
    a circle that keeps an upload, or a whole model, until the garbage collector comes by.
    """

    def __init__(self, future: Future[Any], work: Callable[[], Any]) -> None:
        self.future = future
        self.work = work

    def forget(self) -> None:
        """Let go of everything."""
        del self.future, self.work


class Workers:
    """Runs blocking jobs off the event loop, those first that are first in fairness.

    A job holds its thread while the scheduler computes for it, so there are threads for all that is admitted; `slots`
    says how many of them are at work as a rule.
    """

    def __init__(self, slots: int, max_jobs: int, metrics: Metrics, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._turns: Turns[_Job] = Turns(slots)
        self._jobs: dict[Future[Any], _Job] = {}
        self._deadlines: dict[_Job, float] = {}
        self._pool = ThreadPoolExecutor(max_jobs, thread_name_prefix="read")
        self._lock = threading.Lock()
        self._waiting = metrics.queue_size.labels("decode")

    def submit(self, share: Share, work: Callable[[], T]) -> Future[T]:
        """Queue a job of the request that has `share`. Cancelling the future takes it out of the line, unless begun."""
        future: Future[T] = Future()
        # The copied context carries the request's id into the thread's log lines.
        context = contextvars.copy_context()
        with self._lock:
            self._jobs[future] = job = _Job(future, partial(context.run, work))
            self._turns.put(share, job)
            self._waiting.inc()
        future.add_done_callback(self._withdraw)
        self._begin_some()
        return future

    def overdue_seconds(self) -> float:
        """Return for how long the oldest of the jobs at work has gone on after its deadline."""
        with self._lock:
            return max(0.0, self._clock() - min(self._deadlines.values(), default=float("inf")))

    def close(self) -> None:
        """Finish what was begun; blocks."""
        self._pool.shutdown()

    def _begin_some(self) -> None:
        with self._lock:
            while begun := self._turns.begin():
                share, job = begun
                self._waiting.dec()
                self._deadlines[job] = share.ticket.deadline
                self._pool.submit(self._run, share, job)

    def _run(self, share: Share, job: _Job) -> None:
        try:
            if job.future.set_running_or_notify_cancel():
                try:
                    job.future.set_result(job.work())
                except BaseException as error:
                    job.future.set_exception(error)
        finally:
            job.forget()
            with self._lock:
                del self._deadlines[job]
                self._turns.end(share)
            self._begin_some()

    def _withdraw(self, future: Future[Any]) -> None:
        with self._lock:
            job = self._jobs.pop(future, None)
            if job is not None and self._turns.withdraw(job):
                self._waiting.dec()
