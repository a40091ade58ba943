"""The threads that compute: order, failures, deadlines, hangs and deaths."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from service_fakes import PATIENCE, always_a, bundle, dark, networks_of, until

from ocr_core.backends.base import Policy
from ocr_core.errors import BackendError
from ocr_core.pipeline.runner import LocalRunner, Networks
from ocr_core.specs import DetectorResize
from service.engine.batching.costs import Costs, Pace
from service.engine.batching.queue import Kind
from service.engine.batching.runner import ScheduledRunner
from service.engine.batching.scheduler import Scheduler
from service.engine.batching.stages import Stages, measured
from service.engine.ticket import Ticket
from service.engine.workers import Workers
from service.errors import ClientGoneError, DeadlineExceededError, NotReadyError, OverloadedError
from service.observe.metrics import Metrics

RATES = {"det": 1e-6, "rec": 1e-6, "cls": 1e-6}


class FakeStages(Stages):
    """Computes with a plain function of the inputs."""

    def __init__(self, compute: Callable[[list[Any]], list[Any]], *sizes: int) -> None:
        super().__init__(None, dict.fromkeys(RATES, sizes or (1,)), Costs(RATES))
        self.batches: list[list[Any]] = []
        self._function = compute

    def compute(self, stage, inputs):
        self.batches.append(list(inputs))
        return self._function(inputs)

    def inputs(self, *values: Any) -> list[tuple[Kind, Any]]:
        return [(self.kind("rec", 48, 320), value) for value in values]


@pytest.fixture
def make_scheduler() -> Iterator[Callable[..., Scheduler]]:
    made = []

    def make(streams: int = 1, **options: Any) -> Scheduler:
        options = {"max_pixels": 10**9, "max_delay": 0.0, "metrics": Metrics(), **options}
        made.append(Scheduler(streams, **options))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.close(PATIENCE)


def ticket(seconds: float = PATIENCE) -> Ticket:
    return Ticket(time.monotonic() + seconds)


def entered(scheduler: Scheduler, request: Ticket, expected: float) -> Ticket:
    """Return `request`, let in."""
    scheduler.enter(request, expected)
    return request


class Gate:
    """A function of a batch that waits until it is opened."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, inputs: list[Any]) -> list[Any]:
        self.begun.release()
        assert self.opened.wait(PATIENCE)
        return inputs

    def wait(self) -> None:
        assert self.begun.acquire(timeout=PATIENCE)


def test_results_come_in_the_order_of_the_inputs(make_scheduler) -> None:
    scheduler, stages = make_scheduler(3), FakeStages(lambda values: [value * 10 for value in values], 1, 2, 4)
    request = entered(scheduler, ticket(), 1.0)
    results, waited = scheduler.run(stages, request, stages.inputs(*range(50)))
    assert results == [value * 10 for value in range(50)]
    assert waited >= 0


def test_many_calls_share_batches_and_each_gets_its_own(make_scheduler) -> None:
    gate = Gate()
    scheduler, stages = make_scheduler(), FakeStages(gate, 1, 2, 4, 8)

    def call(number: int) -> list[Any]:
        request = entered(scheduler, ticket(), 1.0)
        return scheduler.run(stages, request, stages.inputs((number, "a"), (number, "b")))[0]

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(call, 0)
        gate.wait()
        calls = [pool.submit(call, number) for number in range(1, 8)]
        until(lambda: queued(scheduler) == 14)
        gate.opened.set()
        assert first.result() == [(0, "a"), (0, "b")]
        assert [call.result() for call in calls] == [[(n, "a"), (n, "b")] for n in range(1, 8)]
    assert max(len(batch) for batch in stages.batches) == 8
    assert len(stages.batches) <= 4


def queued(scheduler: Scheduler) -> float:
    return scheduler._metrics.registry.get_sample_value("ocr_queue_size", {"stage": "rec"})


def test_a_small_request_is_served_between_the_inputs_of_a_long_one(make_scheduler) -> None:
    gate = Gate()
    scheduler, stages = make_scheduler(), FakeStages(gate)
    with ThreadPoolExecutor(2) as pool:
        page = entered(scheduler, ticket(), 100.0)
        long = pool.submit(scheduler.run, stages, page, stages.inputs(*range(20)))
        gate.wait()
        crop = entered(scheduler, ticket(), 0.1)
        small = pool.submit(scheduler.run, stages, crop, stages.inputs("crop"))
        until(lambda: queued(scheduler) == 20)
        gate.opened.set()
        small.result()
        long.result()
    assert stages.batches.index(["crop"]) == 1


def test_one_spoiled_input_does_not_lose_its_company(make_scheduler) -> None:
    def spoiled(values: list[Any]) -> list[Any]:
        if "bad" in values:
            raise BackendError("broken")
        return values

    gate = Gate()
    scheduler = make_scheduler()
    blocker, stages = FakeStages(gate), FakeStages(spoiled, 1, 2)
    with ThreadPoolExecutor(3) as pool:
        pool.submit(scheduler.run, blocker, entered(scheduler, ticket(), 0.0), blocker.inputs(0))
        gate.wait()
        good = pool.submit(scheduler.run, stages, entered(scheduler, ticket(), 0.0), stages.inputs("good"))
        bad = pool.submit(scheduler.run, stages, entered(scheduler, ticket(), 0.0), stages.inputs("bad"))
        until(lambda: queued(scheduler) == 2)
        gate.opened.set()
        assert good.result()[0] == ["good"]
        with pytest.raises(BackendError, match="broken"):
            bad.result()
    assert sorted(map(sorted, stages.batches)) == [["bad"], ["bad", "good"], ["good"]]


def test_what_waits_behind_a_hang_gets_its_deadline_and_the_hang_is_seen(make_scheduler) -> None:
    now = [0.0]
    gate = Gate()
    scheduler, stages = make_scheduler(clock=lambda: now[0]), FakeStages(gate)
    with ThreadPoolExecutor(2) as pool:
        hung = pool.submit(scheduler.run, stages, entered(scheduler, ticket(), 0.0), stages.inputs("hung"))
        gate.wait()
        late = entered(scheduler, ticket(0.05), 0.0)
        with pytest.raises(DeadlineExceededError):
            scheduler.run(stages, late, stages.inputs("late"))
        now[0] = 12.0
        assert scheduler.stuck_seconds() == 12.0
        gate.opened.set()
        assert hung.result()[0] == ["hung"]
    until(lambda: not scheduler.stuck_seconds())
    assert stages.batches == [["hung"]]


def test_a_client_that_left_costs_nothing_more(make_scheduler) -> None:
    gate = Gate()
    scheduler, stages = make_scheduler(), FakeStages(gate)
    request = entered(scheduler, ticket(), 0.0)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(scheduler.run, stages, request, stages.inputs(*range(10)))
        gate.wait()
        request.cancel()
        gate.opened.set()
        with pytest.raises(ClientGoneError):
            call.result()
        with pytest.raises(ClientGoneError):
            scheduler.run(stages, request, stages.inputs("more"))
    assert stages.batches == [[0]]
    assert not queued(scheduler)


def test_a_stream_that_dies_fails_its_batch_and_is_missed(make_scheduler) -> None:
    def die(_: list[Any]) -> list[Any]:
        raise SystemExit

    scheduler = make_scheduler(2)
    dying, healthy = FakeStages(die), FakeStages(list)
    assert scheduler.dead_streams() == 0
    with pytest.raises(BackendError, match="died"):
        scheduler.run(dying, entered(scheduler, ticket(), 0.0), dying.inputs(1))
    until(scheduler.dead_streams)
    assert scheduler.dead_streams() == 1
    assert scheduler.run(healthy, entered(scheduler, ticket(), 0.0), healthy.inputs(1))[0] == [1]


def test_a_stream_that_waits_keeps_no_model_in_memory(make_scheduler) -> None:
    scheduler, stages = make_scheduler(2), FakeStages(list)
    scheduler.run(stages, entered(scheduler, ticket(), 0.0), stages.inputs(*range(10)))
    model = weakref.ref(stages)
    del stages
    until(lambda: model() is None)


def test_closing_gives_up_what_waits(make_scheduler) -> None:
    gate = Gate()
    scheduler, stages = make_scheduler(), FakeStages(gate)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(scheduler.run, stages, entered(scheduler, ticket(), 0.0), stages.inputs(1))
        gate.wait()
        waiting = pool.submit(scheduler.run, stages, entered(scheduler, ticket(), 0.0), stages.inputs(2))
        until(lambda: queued(scheduler) == 1)
        scheduler.close(0.0)
        gate.opened.set()
        with pytest.raises(NotReadyError):
            waiting.result()
    assert stages.batches == [[1]]


def test_predictions_follow_the_requests_and_the_streams(make_scheduler) -> None:
    scheduler = make_scheduler(2)
    page, crop = entered(scheduler, ticket(), 10.0), entered(scheduler, ticket(), 1.0)
    assert scheduler.backlog_seconds() == 5.5
    scheduler.refuse_late(page)
    scheduler.leave(crop)
    assert scheduler.backlog_seconds() == 5.0


def within(seconds: float) -> Ticket:
    """Return a ticket whose time stands still."""
    return Ticket(seconds, clock=lambda: 0.0)


def test_what_others_make_late_is_told_when_to_come_back(make_scheduler) -> None:
    scheduler = make_scheduler(2)
    entered(scheduler, within(100.0), 10.0)
    with pytest.raises(OverloadedError) as refusal:
        scheduler.refuse_late(entered(scheduler, within(11.0), 20.0))
    assert refusal.value.retry_after == 8  # 1.25 × 15 s, beyond 11 s


def test_what_would_be_late_by_itself_is_told_so_and_not_to_come_back(make_scheduler) -> None:
    scheduler = make_scheduler(2)
    entered(scheduler, within(100.0), 10.0)
    with pytest.raises(DeadlineExceededError, match=r"10\.0 s by itself, and its deadline is 5\.0 s away"):
        scheduler.refuse_late(entered(scheduler, within(5.0), 20.0))


def test_who_is_alone_may_try(make_scheduler) -> None:
    scheduler = make_scheduler()
    entered(scheduler, ticket(), 0.0)  # a canary, or a request whose work has been done
    scheduler.refuse_late(entered(scheduler, within(1.0), 20.0))


def test_batches_and_queues_are_counted(make_scheduler) -> None:
    scheduler, stages = make_scheduler(), FakeStages(list, 1, 2)
    scheduler.run(stages, entered(scheduler, ticket(), 0.0), stages.inputs(*range(5)))
    registry = scheduler._metrics.registry
    assert registry.get_sample_value("ocr_batch_size_sum", {"stage": "rec"}) == 5
    assert registry.get_sample_value("ocr_batch_size_count", {"stage": "rec"}) == 3
    assert registry.get_sample_value("ocr_queue_size", {"stage": "rec"}) == 0


def test_a_scheduled_runner_gives_what_a_local_one_gives(make_scheduler, rng) -> None:
    policy = Policy(streams=2, threads=2, max_batch=4)

    def first_bright(batch: np.ndarray) -> np.ndarray:
        output = np.zeros((len(batch), 8, 2), np.float32)
        output[:, :, 0] = 0.5
        output[:, 2, 1] = batch.mean(axis=(1, 2, 3)) / 2 + 0.5
        return output

    networks = networks_of(bundle(), policy, dark, first_bright, again=True)
    pieces = [rng.integers(0, 256, (32, width, 3), np.uint8) for width in (40, 300, 256, 500, 12, 90)]
    page = networks.detector.prepare(rng.integers(0, 256, (100, 200, 3), np.uint8))
    scheduler, stages = make_scheduler(2), measured(networks, policy, max_pixels=10**6)
    runner = ScheduledRunner(stages, scheduler, entered(scheduler, ticket(), 0.0))
    with ThreadPoolExecutor(2) as pool:
        local = LocalRunner(networks, policy, pool)
        assert np.array_equal(runner.detect(page), local.detect(page))
        for ours, theirs in zip(runner.recognize(pieces), local.recognize(pieces), strict=True):
            assert np.array_equal(ours.classes, theirs.classes)
            assert np.allclose(ours.probabilities, theirs.probabilities)
        for ours, theirs in zip(
            runner.recognize(pieces, second=True), local.recognize(pieces, second=True), strict=True
        ):
            assert np.array_equal(ours.classes, theirs.classes)
    assert runner.recognize([]) == []
    assert set(runner.waited) == {"det", "rec", "rec2"}
    before = stages.costs.of_page(1000)
    runner.teach()
    assert stages.costs.of_page(1000) != before


def test_a_page_costs_more_where_lines_are_read_again() -> None:
    costs, simple = (Costs({"det": 1.0, "rec": 1.0, "rec2": 4.0}) for _ in range(2))
    costs.learn_page(100, 100, 50)
    simple.learn_page(100, 100)
    assert costs.of_page(100) > simple.of_page(100)


def test_without_a_second_recognizer_none_is_asked(make_scheduler) -> None:
    policy = Policy(streams=1, threads=1, max_batch=1)
    stages = measured(networks_of(bundle(), policy), policy, max_pixels=10**6)
    scheduler = make_scheduler(1)
    runner = ScheduledRunner(stages, scheduler, entered(scheduler, ticket(), 0.0))
    with pytest.raises(BackendError, match="no second recognizer"):
        runner.recognize([np.zeros((32, 40, 3), np.uint8)], second=True)


@pytest.mark.parametrize(
    ("setup", "each", "chosen"),
    [(0.0, 1.0, (1,)), (10.0, 1.0, (1, 2, 4, 8, 16, 32, 64)), (1.0, 1.0, (1, 2, 4, 8, 16))],
    ids=["a batch costs what its inputs cost", "starting is dear", "starting costs little"],
)
def test_batches_grow_as_far_as_it_pays(setup: float, each: float, chosen: tuple[int, ...]) -> None:
    now = [0.0]

    def costly(function: Callable) -> Callable:
        def run(batch: np.ndarray) -> np.ndarray:
            now[0] += setup + each * len(batch)
            return function(batch)

        return run

    policy = Policy(streams=1, threads=1, max_batch=64)
    networks = small(networks_of(bundle(), policy, costly(dark), costly(always_a)))
    stages = measured(networks, policy, max_pixels=2 * 10**6, clock=lambda: now[0])
    assert stages.sizes == {"det": chosen, "rec": chosen}
    per_input = (setup + each * chosen[-1]) / chosen[-1]
    assert stages.costs.of(stages.kind("rec", 32, 256)) == pytest.approx(per_input, rel=1.1)
    widths = {shape[0]: shape[3] for shape in networks.recognizer.network.shapes}
    assert set(widths) >= set(chosen)


def test_networks_are_timed_rightly_while_other_work_comes_between() -> None:
    now, runs = [0.0], [0]

    def disturbed(function: Callable) -> Callable:
        def run(batch: np.ndarray) -> np.ndarray:
            runs[0] += 1
            now[0] += 1000.0 if runs[0] % 2 else 1.0
            return function(batch)

        return run

    policy = Policy(streams=1, threads=1, max_batch=1)
    networks = small(networks_of(bundle(), policy, disturbed(dark), disturbed(always_a)))
    stages = measured(networks, policy, max_pixels=10**6, clock=lambda: now[0])
    assert stages.costs.of(stages.kind("rec", 32, networks.recognizer.widths[-1])) < 1000.0


def small(networks: Networks) -> Networks:
    """Return the networks with a detector that is fed no large images."""
    detector = networks.detector
    spec = detector.spec.model_copy(update={"resize": DetectorResize(max_side=64)})
    return replace(networks, detector=replace(detector, spec=spec))


def test_batches_are_not_even_tried_beyond_their_pixels() -> None:
    policy = Policy(streams=1, threads=1, max_batch=64)
    networks = small(networks_of(bundle(), policy))
    stages = measured(networks, policy, max_pixels=2 * 32 * 512, clock=lambda: 0.0)
    assert max(shape[0] for shape in networks.recognizer.network.shapes) == 2
    assert max(shape[0] for shape in networks.detector.network.shapes) == 16
    assert stages.sizes == {"det": (1,), "rec": (1,)}


def test_a_backend_that_wants_no_batches_is_not_asked_for_any() -> None:
    policy = Policy(streams=1, threads=1, max_batch=1)
    networks = networks_of(bundle(), policy)
    assert measured(networks, policy, max_pixels=10**6).sizes == {"det": (1,), "rec": (1,)}
    assert {shape[0] for shape in networks.recognizer.network.shapes} == {1}


def test_costs_follow_what_is_seen() -> None:
    costs = Costs({"det": 1.0, "rec": 1.0, "cls": 1.0})
    kind = Kind("rec", "model", 10, 10)
    for _ in range(200):
        costs.learn(kind, 2, 400.0)
        costs.learn_page(100, 300)
    assert costs.of(kind) == pytest.approx(200.0, rel=0.01)
    assert costs.of_page(100) == pytest.approx(100 + 300 * 2, rel=0.01)
    assert costs.of_lines(50) == pytest.approx(100, rel=0.01)


def test_a_moment_in_which_the_process_stood_still_is_not_taken_for_what_all_costs() -> None:
    costs, pace = Costs({"rec": 1.0}), Pace(1)
    kind = Kind("rec", "model", 10, 10)
    costs.learn(kind, 1, 1e9)
    assert costs.of(kind) < 200
    for step in range(5):
        pace.note(1.0, step, saturated=True)
    pace.note(1.0, 1e9, saturated=True)
    assert pace.value > 0.5


def test_costs_get_to_what_is_seen_however_far_it_is() -> None:
    costs = Costs({"rec": 1.0})
    kind = Kind("rec", "model", 10, 10)
    for _ in range(200):
        costs.learn(kind, 1, 1e5)
    assert costs.of(kind) == pytest.approx(1e5, rel=0.01)


class Doors:
    """Jobs that say when they begin and end when they are told to."""

    def __init__(self, workers: Workers) -> None:
        self.begun: list[str] = []
        self._workers = workers
        self._doors: dict[str, threading.Event] = {}

    def submit(self, request: Ticket, name: str) -> Future[None]:
        self._doors[name] = threading.Event()
        return self._workers.submit(request, partial(self._wait, name))

    def open(self, *names: str) -> None:
        for name in names:
            self._doors[name].set()

    def _wait(self, name: str) -> None:
        self.begun.append(name)
        assert self._doors[name].wait(PATIENCE)


def test_jobs_begin_in_the_order_of_rank_and_slots_bound_who_ranks_before(make_scheduler) -> None:
    scheduler, metrics = make_scheduler(), Metrics()
    workers = Workers(2, metrics)
    doors = Doors(workers)
    pages = [entered(scheduler, ticket(), 10.0) for _ in range(3)]
    jobs = {name: doors.submit(page, name) for page, name in zip(pages, "abc", strict=True)}
    until(lambda: sorted(doors.begun) == ["a", "b"])
    crops = [entered(scheduler, ticket(), 1.0) for _ in range(3)]
    jobs |= {name: doors.submit(crop, name) for crop, name in zip(crops, "xyz", strict=True)}
    until(lambda: sorted(doors.begun) == ["a", "b", "x", "y"])
    doors.open("x")
    until(lambda: "z" in doors.begun)
    assert metrics.registry.get_sample_value("ocr_queue_size", {"stage": "decode"}) == 1
    assert jobs["c"].cancel()
    assert not jobs["a"].cancel()
    assert metrics.registry.get_sample_value("ocr_queue_size", {"stage": "decode"}) == 0
    doors.open(*"abyz")
    for name in "abxyz":
        jobs[name].result(PATIENCE)
    assert workers.close(PATIENCE) == 0
    assert "c" not in doors.begun


def lined_up(arrival: float, expected: float) -> Ticket:
    """Return a ticket with a place in the order."""
    request = ticket()
    request.line_up(arrival=arrival, number=0, expected=expected)
    return request


def test_lines_do_not_wait_for_pages_that_seem_to_rank_before_them_but_for_each_other() -> None:
    workers = Workers(1, Metrics())
    doors = Doors(workers)
    jobs = {"page": doors.submit(lined_up(0.0, expected=1.0), "page")}
    until(lambda: doors.begun)
    jobs |= {name: doors.submit(lined_up(at, expected=0.01), name) for name, at in (("a", 2.0), ("b", 3.0))}
    jobs["next page"] = doors.submit(lined_up(1.0, expected=1.0), "next page")
    until(lambda: "a" in doors.begun)
    assert doors.begun == ["page", "a"]
    doors.open("a")
    until(lambda: "b" in doors.begun)
    assert doors.begun == ["page", "a", "b"]
    doors.open("page", "b", "next page")
    for job in jobs.values():
        job.result(PATIENCE)
    assert doors.begun[-1] == "next page"


def test_threads_that_many_jobs_took_end_with_them() -> None:
    def threads() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name.startswith("read-")}

    before = threads()
    workers = Workers(2, Metrics())
    doors = Doors(workers)
    # The later one comes, the sooner is its turn: all are at work at once.
    many = [str(number) for number in range(9)]
    jobs = [doors.submit(lined_up(-float(name), expected=1.0), name) for name in many]
    until(lambda: len(doors.begun) == 9)
    assert len(threads() - before) == 9
    doors.open(*many)
    for job in jobs:
        job.result(PATIENCE)
    until(lambda: len(threads() - before) == 2)
    again = doors.submit(lined_up(0.0, expected=1.0), "again")
    doors.open("again")
    again.result(PATIENCE)
    assert workers.close(PATIENCE) == 0
    until(lambda: not threads() - before)


def test_a_job_that_hangs_is_left_behind(make_scheduler) -> None:
    workers = Workers(1, Metrics())
    doors = Doors(workers)
    hung = doors.submit(entered(make_scheduler(), ticket(), 1.0), "hung")
    until(lambda: doors.begun)
    assert workers.close(0.0) == 1
    doors.open("hung")
    hung.result(PATIENCE)
