"""The threads that compute: order, failures, deadlines, hangs and deaths."""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from schedulers import FakeStages, Gate, entered, ticket
from service_fakes import bundle, dark, networks_of, until

from ocr_core.backends.base import Policy
from ocr_core.errors import BackendError
from ocr_core.pipeline.runner import LocalRunner
from service.engine.batching.costs import Costs
from service.engine.batching.runner import ScheduledRunner
from service.engine.batching.scheduler import Scheduler
from service.engine.batching.stages import measured
from service.engine.ticket import Ticket
from service.errors import ClientGoneError, DeadlineExceededError, NotReadyError, OverloadedError


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
