"""The threads in which images are decoded and read, and the line in front of them."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from service.engine.batching.fairness import LIGHT
from service.engine.ticket import Clock, Ticket
from service.observe.metrics import Metrics

T = TypeVar("T")


class _Job:
    """Something to do for a request and the promise of its result.

    The traceback of an error leads to all frames below it, and by them back to the job: unless the job forgets, that is
    a circle that keeps an upload, or a whole model, until the garbage collector comes by.
    """

    def __init__(self, ticket: Ticket, future: Future[Any], work: Callable[[], Any]) -> None:
        self.ticket = ticket
        self.future = future
        self.work = work

    def run(self) -> None:
        """Keep the promise and let go of everything."""
        try:
            if self.future.set_running_or_notify_cancel():
                try:
                    self.future.set_result(self.work())
                except BaseException as error:
                    self.future.set_exception(error)
        finally:
            del self.future, self.work


class Workers:
    """Runs blocking jobs off the event loop, in the order of their requests.

    A job begins while fewer than `slots` jobs that rank before it are at work. So long pages that fill all slots keep
    no small photograph waiting: it ranks before them and begins beside them. A light one waits for light ones alone: a
    page is known to rank behind it only once its own lines were found. A job holds its thread while the scheduler
    computes for it; how many there are is bounded by what is admitted, and as many as there are slots are kept for the
    next jobs. The threads are daemons: a decoder that hangs must not keep the process from ending.
    """

    def __init__(self, slots: int, metrics: Metrics, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.slots = slots
        """Images worked on side by side."""
        self._waiting: list[_Job] = []
        self._at_work: list[Ticket] = []
        self._begun: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._changed = threading.Condition()
        self._gauge = metrics.queue_size.labels("decode")

    def submit(self, ticket: Ticket, work: Callable[[], T]) -> Future[T]:
        """Queue a job of the request with `ticket`. Cancelling the future takes it out of the line, unless begun."""
        future: Future[T] = Future()
        # The copied context carries the request's id into the thread's log lines.
        work = partial(contextvars.copy_context().run, work)
        with self._changed:
            self._waiting.append(_Job(ticket, future, work))
            self._gauge.inc()
            self._begin_some()
        future.add_done_callback(self._withdraw)
        return future

    def overdue_seconds(self) -> float:
        """Return for how long the oldest of the jobs at work has gone on after its deadline."""
        with self._changed:
            return max(0.0, self._clock() - min((ticket.deadline for ticket in self._at_work), default=float("inf")))

    def close(self, timeout: float) -> int:
        """End the threads; return how many do not end within `timeout` seconds and are left behind. Blocks."""
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work, timeout)
            for _ in range(self._threads):
                self._begun.put(None)
            return len(self._at_work)

    def _begin_some(self) -> None:
        while job := self._next(light=True) or self._next(light=False):
            self._waiting.remove(job)
            self._gauge.dec()
            self._at_work.append(job.ticket)
            self._begun.put(job)
            if self._idle:
                self._idle -= 1
            else:
                self._threads += 1
                threading.Thread(target=self._serve, name=f"read-{self._threads}", daemon=True).start()

    def _next(self, *, light: bool) -> _Job | None:
        """Return the first job in line of those that are light, or that are not, if it may begin."""
        waiting = [job for job in self._waiting if _is_light(job.ticket) is light and self._may_begin(job.ticket)]
        if not waiting:
            return None
        job = min(waiting, key=lambda job: job.ticket.rank)
        others = [ticket for ticket in self._at_work if _is_light(ticket) or not light]
        before = [ticket for ticket in others if ticket.rank <= job.ticket.rank and ticket.yields <= job.ticket.yields]
        return job if len(before) < self.slots else None

    def _may_begin(self, ticket: Ticket) -> bool:
        """Tell whether a job may begin: one that yields, not before others that rank before it are done."""
        if not ticket.yields:
            return True
        others = (*self._at_work, *(job.ticket for job in self._waiting))
        return not any(not other.yields and other.rank < ticket.rank for other in others)

    def _serve(self) -> None:
        while (job := self._begun.get()) is not None:
            try:
                job.run()
            finally:
                with self._changed:
                    self._at_work.remove(job.ticket)
                    self._idle += 1
                    self._begin_some()
                    spare = self._idle > self.slots
                    self._idle -= spare
                    self._threads -= spare
                    self._changed.notify_all()
            if spare:
                return

    def _withdraw(self, future: Future[Any]) -> None:
        with self._changed:
            for job in [job for job in self._waiting if job.future is future]:
                self._waiting.remove(job)
                self._gauge.dec()


def _is_light(ticket: Ticket) -> bool:
    return ticket.cost < LIGHT
