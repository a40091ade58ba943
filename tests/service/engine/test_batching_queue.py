"""Order and batches of the queue, with time as a number."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queues import LINE, PAGE, drain, entered, entries, kind, queue_of, ticket, within

from service.engine.batching.costs import Pace
from service.engine.batching.fairness import FIRM, LIGHT, NEW, FairClock
from service.engine.batching.queue import BatchQueue, Kind
from service.engine.ticket import Ticket


def test_a_small_request_overtakes_a_long_one() -> None:
    queue, clock = queue_of()
    page = entered(clock, ticket(), expected=300)
    queue.put(entries(page, [f"p{i}" for i in range(300)]))
    assert queue.take(0)[0].payload == "p0"
    crop = entered(clock, ticket(), expected=1)
    queue.put(entries(crop, ["crop"]))
    assert [batch[0] for batch in drain(queue)[:2]] == ["crop", "p1"]


def test_equal_pages_are_served_as_they_came_and_begun_ones_are_finished_first() -> None:
    queue, clock = queue_of()
    first, second = entered(clock, ticket(), expected=3), entered(clock, ticket(), expected=3)
    queue.put(entries(second, ["d2"], PAGE))
    queue.put(entries(first, ["d1"], PAGE))
    assert queue.take(0)[0].payload == "d1"
    queue.put(entries(first, ["a", "b"]))
    assert drain(queue) == [["a"], ["b"], ["d2"]]


def overtakers(queue: BatchQueue[str], clock: FairClock, page_cost: float = 5.0) -> int:
    """Return how many crops overtake a page while a client sends the next crop as soon as one is read."""
    page = entered(clock, ticket(), expected=page_cost)
    queue.put(entries(page, ["page"], cost=page_cost))
    for crops in itertools.count():
        crop = entered(clock, ticket(), expected=1)
        queue.put(entries(crop, ["crop"]))
        (entry,) = queue.take(0)
        clock.leave(entry.ticket)
        if entry.ticket is page:
            (last,) = queue.take(0)
            clock.leave(last.ticket)
            return crops
    raise AssertionError


def serve_some(queue: BatchQueue[str], clock: FairClock, count: int, leaving: float) -> None:
    """Serve `count` requests of four inputs, about four at a time; a part leaves when one input was computed."""
    rng = random.Random(count)
    leavers = set()
    for i in range(count):
        cost = rng.choice([0.5, 1.0, 1.0, 2.0, 5.0])
        request = entered(clock, ticket(), expected=cost)
        queue.put(entries(request, ["a", "b", "c", "d"], cost=cost / 4))
        if rng.random() < leaving:
            leavers.add(request)
        while len(queue) > (16 if i < count - 1 else 0):
            (entry,) = queue.take(0)
            if entry.ticket in leavers:
                entry.ticket.cancel()
                queue.drop()
            if entry.ticket in leavers or not entry.ticket.work_left:
                clock.leave(entry.ticket)


def test_a_page_that_has_waited_for_its_fair_time_is_not_overtaken_any_more() -> None:
    assert 5 < overtakers(*queue_of()) < 50


def test_who_leaves_early_leaves_nothing_behind() -> None:
    queue, clock = queue_of()
    before = overtakers(queue, clock)
    serve_some(queue, clock, 20_000, leaving=0.05)
    assert overtakers(queue, clock) == before
    assert before < 50


def test_more_work_than_expected_moves_a_request_back() -> None:
    queue, clock = queue_of()
    liar, honest = entered(clock, ticket(), expected=1), entered(clock, ticket(), expected=2)
    queue.put(entries(liar, ["l"] * 50))
    queue.put(entries(honest, ["h"] * 2))
    assert drain(queue)[:2] == [["h"], ["h"]]


def test_a_batch_is_filled_across_requests_with_its_own_kind_only() -> None:
    queue, clock = queue_of()
    wide = kind(640, 1, 2, 4)
    narrow = kind(320, 1, 2, 4)
    first, second = entered(clock, ticket(), expected=3), entered(clock, ticket(), expected=4)
    queue.put(entries(first, ["a", "b"], narrow))
    queue.put(entries(first, ["w"], wide))
    queue.put(entries(second, ["c", "d", "e"], narrow))
    assert drain(queue) == [["a", "b", "c", "d"], ["w"], ["e"]]


def test_batches_have_only_the_sizes_that_were_measured() -> None:
    queue, clock = queue_of()
    request = entered(clock, ticket(), expected=7)
    queue.put(entries(request, list("abcdefg"), kind(320, 1, 2, 4)))
    assert [len(batch) for batch in drain(queue)] == [4, 2, 1]


def test_a_batch_stays_under_its_pixels_and_an_input_over_them_goes_alone() -> None:
    queue, clock = queue_of(max_pixels=3 * 48 * 320)
    request = entered(clock, ticket(), expected=9)
    queue.put(entries(request, list("abcd"), kind(320, 1, 2, 4, 8)))
    queue.put(entries(request, ["huge"], kind(9999, 1, 2)))
    assert [len(batch) for batch in drain(queue)] == [2, 2, 1]


def test_an_unfilled_batch_waits_for_company_no_longer_than_allowed() -> None:
    queue, clock = queue_of(max_delay=0.5)
    request = entered(clock, ticket(), expected=9)
    queue.put(entries(request, ["a"], kind(320, 1, 2), at=10.0))
    assert queue.due_at() == 10.5
    assert not queue.take(10.4)
    queue.put(entries(request, ["b"], kind(320, 1, 2), at=10.4))
    assert queue.due_at() == 10.0
    assert drain(queue, 10.4) == [["a", "b"]]
    queue.put(entries(request, ["c"], kind(320, 1, 2), at=11.0))
    assert drain(queue, 11.5) == [["c"]]
    assert queue.due_at() is None


def test_what_waits_for_company_holds_up_no_other_kind() -> None:
    queue, clock = queue_of(max_delay=1.0)
    first, second = entered(clock, ticket(), expected=1), entered(clock, ticket(), expected=2)
    queue.put(entries(first, ["waits"], kind(320, 1, 2)))
    queue.put(entries(second, ["full", "full"], kind(640, 1, 2)))
    assert drain(queue, 0.1) == [["full", "full"]]


def test_what_nobody_wants_any_more_is_dropped() -> None:
    now = 0.0
    queue, clock = queue_of()
    late = entered(clock, Ticket(5.0, clock=lambda: now), expected=1)
    gone = entered(clock, ticket(), expected=1)
    kept = entered(clock, ticket(), expected=9)
    for request, name in ((late, "late"), (gone, "gone"), (kept, "kept")):
        queue.put(entries(request, [name] * 2))
    gone.cancel()
    now = 5.0
    dropped = queue.drop()
    batch = queue.take(now)
    assert [entry.payload for entry in batch] == ["kept"]
    assert [entry.payload for entry in dropped] == ["late", "late", "gone", "gone"]
    assert len(queue) == 1


def test_the_backlog_is_what_was_not_begun() -> None:
    queue, clock = queue_of()
    page = entered(clock, ticket(), expected=10)
    crop = entered(clock, ticket(), expected=1)
    assert clock.backlog() == 11
    queue.put(entries(page, ["a"] * 4))
    queue.take(0)
    assert clock.backlog() == 10
    clock.leave(page)
    assert clock.backlog() == 1
    clock.leave(crop)
    clock.leave(crop)
    assert clock.backlog() == 0


def test_a_request_that_cannot_be_served_in_time_would_be_late() -> None:
    clock = FairClock()
    entered(clock, within(100), expected=10)
    late, timely = entered(clock, within(12), expected=6), entered(clock, within(12), expected=2)
    assert clock.lateness(late, pace=2.0) == pytest.approx(NEW * (2 + 6) / 2 - 12)
    assert clock.lateness(timely, pace=1.0) < 0
    assert clock.lateness(late, pace=0.5) == pytest.approx(NEW * (2 + 6) / 0.5 - 12)


def test_a_request_that_would_make_another_late_counts_as_late_itself() -> None:
    clock = FairClock()
    entered(clock, within(12), expected=10)
    crop, flood = entered(clock, within(30), expected=0.5), entered(clock, within(30), expected=3)
    clock.leave(flood)
    assert clock.lateness(crop, pace=1.0) < 0
    flood = entered(clock, within(30), expected=3)
    assert clock.lateness(flood, pace=1.0) == pytest.approx(FIRM * (10 + 0.5 + 3) - 12)


def test_a_light_request_is_refused_for_others_only_if_they_would_really_be_late() -> None:
    clock = FairClock()
    page = entered(clock, within(10 * FIRM), expected=10)
    line = entered(clock, within(30), expected=LIGHT / 2)
    assert clock.lateness(line, pace=1.0) < 0
    clock.leave(page)
    entered(clock, within(10 + LIGHT / 4), expected=10)
    assert clock.lateness(line, pace=1.0) == pytest.approx(LIGHT / 4)


def test_who_is_late_anyway_holds_up_nobody() -> None:
    clock = FairClock()
    entered(clock, within(5), expected=10)
    crop = entered(clock, within(30), expected=0.5)
    assert clock.lateness(crop, pace=1.0) < 0


def test_the_pace_follows_what_is_done_while_there_is_enough_to_do() -> None:
    pace = Pace(2)
    assert pace.value == 2.0
    for i in range(2000):
        pace.note(0.3, 0.2 * i, saturated=True)
    assert pace.value == pytest.approx(1.5, rel=0.01)
    for i in range(1000):
        pace.note(0.1, 1000.0 * i, saturated=False)
    pace.note(0.3, 1e9, saturated=True)
    assert pace.value == pytest.approx(1.5, rel=0.01)


@st.composite
def traffic(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Steps of (request, width, how many inputs), with takes in between (request −1)."""
    return draw(
        st.lists(st.tuples(st.integers(-1, 4), st.sampled_from([64, 320, 640]), st.integers(1, 9)), max_size=30)
    )


@given(traffic(), st.sampled_from([(1,), (1, 2, 4), (1, 2, 4, 8)]), st.integers(1, 6))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_every_input_leaves_once_in_a_batch_that_keeps_the_limits(
    steps: list[tuple[int, int, int]], sizes: tuple[int, ...], lines: int
) -> None:
    queue, clock = queue_of(max_pixels=lines * 48 * 320)
    requests = [entered(clock, ticket(), expected=float(i)) for i in range(5)]
    put, taken = [], []

    def take() -> bool:
        batch = queue.take(0.0)
        taken.extend(entry.payload for entry in batch)
        if batch:
            (of,) = {entry.kind for entry in batch}
            assert len(batch) in sizes
            assert len(batch) == 1 or len(batch) * of.height * of.width <= lines * 48 * 320
            assert batch[0].ticket.rank == min([entry.ticket.rank for entry in batch])
        return bool(batch)

    for number, width, count in steps:
        if number < 0:
            take()
            continue
        names = [f"{len(put) + i}" for i in range(count)]
        put += names
        queue.put(entries(requests[number], names, kind(width, *sizes)))
    while take():
        pass
    assert sorted(taken) == sorted(put)
    assert len(queue) == 0


def test_kinds_differ_by_model_stage_and_shape() -> None:
    assert Kind("rec", "a", 48, 320) != Kind("rec", "b", 48, 320)
    assert Kind("rec", "a", 48, 320) != Kind("det", "a", 48, 320)
    with pytest.raises(AttributeError):
        LINE.width = 1  # type: ignore[misc]
