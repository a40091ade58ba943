"""The threads that own the networks: one a stream, fed from one fair queue by all requests in flight."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ocr_core.errors import BackendError
from service.engine.batching.costs import Pace
from service.engine.batching.fairness import FairClock
from service.engine.batching.queue import BatchQueue, Entry, Kind
from service.engine.batching.stages import Stages
from service.engine.ticket import Clock, Ticket
from service.errors import DeadlineExceededError, NotReadyError, OverloadedError
from service.observe.metrics import Metrics

log = logging.getLogger(__name__)

SATURATED = 2
"""Requests in flight for each stream above which none of them should run dry."""
NOTICE = 1.0
"""Seconds within which a call notices that its client has left, even where every stream hangs."""


RECENT = 2.0
"""Seconds after a request that someone waits for in which what yields leaves a stream free for the next one."""
EXPECT = 0.05
"""Seconds after it in which what yields begins nothing, for whoever asks one request after the other: anticipatory
scheduling (Iyer and Druschel, 2001). A batch that was begun is not taken back."""


class _Group:
    """The inputs of one call in one stage. Changed under the scheduler's lock alone."""

    def __init__(self, stages: Stages, size: int, now: float) -> None:
        self.stages = stages
        self.results: list[Any] = [None] * size
        self.error: Exception | None = None
        self.done = threading.Event()
        self.waited = 0.0
        """Seconds in which none of the inputs was being computed."""
        self._left = size
        self._running = 0
        self._idle_since = now

    def begin(self, now: float) -> None:
        if not self._running:
            self.waited += now - self._idle_since
        self._running += 1

    def end(self, now: float) -> None:
        self._running -= 1
        self._idle_since = now

    def put(self, index: int, result: Any) -> None:
        if isinstance(result, Exception):
            self.error = self.error or result
        else:
            self.results[index] = result
        self._left -= 1
        if not self._left:
            self.done.set()


@dataclass(frozen=True, slots=True)
class _Input:
    group: _Group
    index: int
    value: Any


class Scheduler:
    """Computes what calls hand in, `streams` batches at a time, and wakes each call when all of its inputs are done.

    A stream that hangs or dies takes only its own batch along; who waits for it waits until its deadline.

    Args:
        streams: batches that are computed side by side.
        max_pixels, max_delay: bounds of a batch, see `BatchQueue`.
        metrics: told of every batch.
    """

    def __init__(
        self,
        streams: int,
        *,
        max_pixels: int,
        max_delay: float,
        metrics: Metrics,
        clock: Clock = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._fair = FairClock()
        self._pace = Pace(streams)
        self._queue: BatchQueue[_Input] = BatchQueue(self._fair, max_pixels=max_pixels, max_delay=max_delay)
        self._changed = threading.Condition()
        self._closing = False
        self._stopping = False
        self._asked = -math.inf
        """When a request was inside last for which someone waits."""
        self.last_success = clock()
        """When a batch was computed last."""
        self._streams: list[_Stream] = []
        with self._changed:  # they look at each other
            self._streams += [_Stream(self._serve, f"stream-{i}") for i in range(streams)]

    def enter(self, ticket: Ticket, expected: float) -> None:
        """Give a request that is expected to cost `expected` seconds of a stream its place in the order."""
        with self._changed:
            self._fair.enter(ticket, expected)
            if self._stopping:  # the next page of a document whose others were given up
                ticket.cancel(_stopping)

    def require_going(self) -> None:
        """Raise unless work is still taken on.

        Raises:
            NotReadyError: all requests were given up.
        """
        if self._stopping:
            raise _stopping()

    def leave(self, ticket: Ticket) -> None:
        """Let go of a request that is over."""
        with self._changed:
            self._fair.leave(ticket)
            self._changed.notify_all()  # what yields may begin

    def refuse_late(self, ticket: Ticket) -> None:
        """Raise if deadlines would be missed with a request that has just entered. Who is alone may try.

        Raises:
            DeadlineExceededError: it could not even be served in time if nobody else were there.
            OverloadedError: it, or one that it makes wait, would be late; says when there will be less to do.
        """
        with self._changed:
            pace, alone = self._pace.value, self._fair.is_alone(ticket)
            lateness = self._fair.lateness(ticket, pace)
        if alone or lateness <= 0:
            return
        needed, left = ticket.work_left / pace, ticket.remaining()
        if needed > left:
            raise DeadlineExceededError(
                f"this takes some {needed:.1f} s by itself, and its deadline is {left:.1f} s away"
            )
        retry_after = max(1, math.ceil(lateness))
        raise OverloadedError("there is too much to do for all deadlines to be kept", retry_after=retry_after)

    def backlog_seconds(self) -> float:
        """Return the seconds until all that is known of is computed."""
        with self._changed:
            return self._fair.backlog() / self._pace.value

    def run(self, stages: Stages, ticket: Ticket, inputs: Sequence[tuple[Kind, Any]]) -> tuple[list[Any], float]:
        """Compute `inputs` and return their results, and the seconds for which they waited. Blocks.

        Raises:
            BackendError: an input could not be computed.
            DeadlineExceededError, ClientGoneError: the request was over before all were computed.
        """
        ticket.check()
        now = self._clock()
        group = _Group(stages, len(inputs), now)
        entries = [
            Entry(kind, ticket, stages.costs.of(kind), now, _Input(group, i, value))
            for i, (kind, value) in enumerate(inputs)
        ]
        self._count(entries, 1)
        with self._changed:
            self._queue.put(entries)
            self._changed.notify(len(entries))
        while not group.done.wait(min(ticket.remaining(), NOTICE)):
            ticket.check()
        if group.error is None:
            return group.results, group.waited
        try:
            raise group.error
        finally:
            del group, entries  # the error's traceback holds this frame, and this frame must not hold the error

    def dead_streams(self) -> int:
        """Return the number of streams whose thread has ended, which it never should."""
        return sum(not stream.is_alive() for stream in self._streams)

    def stuck_seconds(self) -> float:
        """Return for how long the oldest batch has been computed by now."""
        begun = [since for stream in self._streams if (since := stream.busy_since) is not None]
        return self._clock() - min(begun) if begun else 0.0

    def give_up(self) -> None:
        """Let every request in flight fail where it stands."""
        with self._changed:
            self._stopping = True
            self._fair.cancel_all(_stopping)
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """End the streams; what still waits is given up, and what does not end within `timeout` seconds left behind."""
        self.give_up()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        end = time.monotonic() + timeout
        for stream in self._streams:
            stream.join(max(0.0, end - time.monotonic()))

    def _serve(self, stream: _Stream) -> bool:
        """Compute one batch; False once there will be no more. A stream that waits holds nothing of a model."""
        batch = self._next(stream)
        if batch is None:
            return False
        outcomes: Sequence[Any] = [BackendError("the engine died")] * len(batch)
        try:
            outcomes = self._compute(batch)
        finally:
            self._finish(stream, batch, outcomes)
        return True

    def _next(self, stream: _Stream) -> list[Entry[_Input]] | None:
        """Wait for the next batch; None once all is done for good."""
        with self._changed:
            while True:
                now = self._clock()
                self._drop()
                self._fair.held = self._holds(now)
                if batch := self._queue.take(now):
                    stream.busy_since = now
                    stream.yields = all(entry.ticket.yields for entry in batch)
                    saturated = len(self._fair) > SATURATED * len(self._streams)
                    self._pace.note(sum(entry.cost for entry in batch), now, saturated=saturated)
                    for group in {entry.payload.group for entry in batch}:
                        group.begin(now)
                    break
                if self._closing:
                    return None
                due = self._queue.due_at()
                if due is None and len(self._queue):
                    due = now + EXPECT  # what yields is held
                self._changed.wait(None if due is None else max(0.0, due - now))
        self._count(batch, -1)
        self._metrics.batch_size.labels(batch[0].kind.stage).observe(len(batch))
        return batch

    def _holds(self, now: float) -> bool:
        """Tell whether what yields begins nothing now, though it may be its turn."""
        if self._fair.asked:
            self._asked = now
        elif now - self._asked < EXPECT:
            return True
        begun = sum(stream.yields for stream in self._streams if stream.busy_since is not None)
        return now - self._asked < RECENT and begun >= max(1, len(self._streams) - 1)

    def _drop(self) -> None:
        dropped = self._queue.drop()
        for entry in dropped:
            entry.payload.group.put(entry.payload.index, entry.ticket.over())
        self._count(dropped, -1)

    def _compute(self, batch: Sequence[Entry[_Input]]) -> list[Any]:
        """Return a result or an error for each input. What fails in company is tried alone: one may spoil the rest."""
        kind, stages = batch[0].kind, batch[0].payload.group.stages
        inputs = [entry.payload.value for entry in batch]
        start = self._clock()
        try:
            results = stages.compute(kind.stage, inputs)
        except Exception as error:
            if len(batch) == 1:
                return [error]
            log.warning("a batch of %d failed, its inputs are tried one by one: %s", len(batch), error)
            return [result for entry in batch for result in self._compute([entry])]
        self.last_success = self._clock()
        stages.costs.learn(kind, len(batch), self.last_success - start)
        return results

    def _finish(self, stream: _Stream, batch: Sequence[Entry[_Input]], outcomes: Sequence[Any]) -> None:
        with self._changed:
            stream.busy_since = None
            now = self._clock()
            for group in {entry.payload.group for entry in batch}:
                group.end(now)
            for entry, outcome in zip(batch, outcomes, strict=True):
                entry.payload.group.put(entry.payload.index, outcome)

    def _count(self, entries: Sequence[Entry[_Input]], sign: int) -> None:
        for stage in {entry.kind.stage for entry in entries}:
            self._metrics.queue_size.labels(stage).inc(sign * sum(entry.kind.stage == stage for entry in entries))


def _stopping() -> NotReadyError:
    return NotReadyError("the service is stopping")


class _Stream(threading.Thread):
    """A thread that computes. Daemonic: a hung engine must not keep the process from ending."""

    def __init__(self, serve: Callable[[_Stream], bool], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.busy_since: float | None = None
        self.yields = False
        """Whether all of its batch does."""
        self._serve = serve
        self.start()

    def run(self) -> None:
        """Serve until the scheduler is closed."""
        try:
            while self._serve(self):
                pass
        except BaseException:
            log.critical("%s has died", self.name, exc_info=True)
