"""Order and batches of the queue, with time as a number."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.batching.costs import Pace
from service.engine.batching.fairness import FIRM, LIGHT, NEW, FairClock
from service.engine.batching.queue import BatchQueue, Entry, Kind
from service.engine.ticket import Ticket

FOREVER = float("inf")
LINE = Kind("rec", "model", 48, 320)
PAGE = Kind("det", "model", 960, 960)


def ticket() -> Ticket:
    return Ticket(FOREVER, clock=lambda: 0.0)


def within(seconds: float) -> Ticket:
    return Ticket(seconds, clock=lambda: 0.0)


def kind(width: int = 320, *sizes: int) -> Kind:
    return Kind("rec", "model", 48, width, sizes or (1,))


def entered(clock: FairClock, request: Ticket, expected: float) -> Ticket:
    """Return `request`, let in."""
    clock.enter(request, expected)
    return request


def queue_of(*, max_pixels: int = 10**9, max_delay: float = 0.0) -> tuple[BatchQueue[str], FairClock]:
    clock = FairClock()
    return BatchQueue(clock, max_pixels=max_pixels, max_delay=max_delay), clock


def entries(ticket: Ticket, names: Sequence[str], of: Kind = LINE, *, cost: float = 1.0, at: float = 0.0) -> list:
    return [Entry(of, ticket, cost, at, name) for name in names]


def drain(queue: BatchQueue[str], now: float = 0.0) -> list[list[str]]:
    batches = []
    while batch := queue.take(now):
        batches.append([entry.payload for entry in batch])
    return batches


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


@dataclass
class Job:
    """A request of a simulation: when it comes and the costs of its inputs, handed in all at once."""

    arrival: float
    costs: list[float]
    entered: float = field(default=FOREVER)
    begun: float = field(default=FOREVER)
    last: float = field(default=FOREVER)
    """When its last input is begun."""
    end: float = field(default=FOREVER)


jobs_strategy = st.lists(
    st.builds(
        Job,
        arrival=st.integers(0, 60).map(float),
        costs=st.lists(st.integers(1, 4).map(float), min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=12,
)


def simulate(jobs: list[Job]) -> None:
    """Serve `jobs` with one stream that computes one input at a time, and note what becomes of each."""
    queue, clock = queue_of()
    requests: dict[Ticket, Job] = {}
    arrivals = sorted(jobs, key=lambda job: job.arrival)
    now = 0.0
    while arrivals or len(queue):
        if not len(queue):
            now = max(now, arrivals[0].arrival)
        while arrivals and arrivals[0].arrival <= now:
            job = arrivals.pop(0)
            request = entered(clock, ticket(), expected=sum(job.costs))
            requests[request] = job
            job.entered = now
            queue.put([Entry(LINE, request, cost, now, "") for cost in job.costs])
        (entry,) = queue.take(now)
        job = requests[entry.ticket]
        job.begun, job.last = min(job.begun, now), now
        now += entry.cost
        if not entry.ticket.work_left:
            job.end = now
            clock.leave(entry.ticket)


def even_sharing(jobs: list[Job]) -> list[float]:
    """Return when each job would end if all of them shared one stream evenly and in arbitrarily small pieces."""
    ends = [0.0] * len(jobs)
    arrivals = sorted((job.arrival, i) for i, job in enumerate(jobs))
    left: dict[int, float] = {}
    now = 0.0
    while arrivals or left:
        if not left:
            now = max(now, arrivals[0][0])
        while arrivals and arrivals[0][0] <= now:
            _, i = heapq.heappop(arrivals)
            left[i] = sum(jobs[i].costs)
        step = min(left.values()) * len(left)
        if arrivals:
            step = min(step, arrivals[0][0] - now)
        now += step
        left = {i: rest - step / len(left) for i, rest in left.items()}
        for i in [i for i, rest in left.items() if rest < 1e-9]:
            del left[i]
            ends[i] = now
    return ends


def test_hardly_a_request_ends_later_than_by_even_sharing() -> None:
    rng = random.Random(5)
    ends = []
    for _ in range(1000):
        jobs = [
            Job(float(rng.randint(0, 60)), [float(rng.randint(1, 4)) for _ in range(rng.randint(1, 12))])
            for _ in range(rng.randint(1, 12))
        ]
        simulate(jobs)
        # What is being computed is not interrupted, neither when a request comes nor when it would be its turn.
        slack = 2 * max(cost for job in jobs for cost in job.costs)
        ends += [job.end <= fair + slack for job, fair in zip(jobs, even_sharing(jobs), strict=True)]
    assert ends.count(False) <= len(ends) / 1000


@given(jobs_strategy)
@settings(deadline=None, max_examples=300, derandomize=True)
def test_nothing_is_overtaken_by_what_came_when_everyone_could_have_had_as_much(jobs: list[Job]) -> None:
    simulate(jobs)
    for job in jobs:
        meanwhile = [other for other in jobs if job.entered <= other.entered < job.end]
        most = max(sum(one.entered <= other.entered < one.end for one in jobs) for other in meanwhile)
        overtook = [other.entered for other in meanwhile if other.begun < job.last]
        assert max(overtook, default=0.0) - job.entered <= most * sum(job.costs)


DETECTION, READING = 0.2, 0.02
"""Costs of a page's detection and of a line, in seconds."""


def lines_beside_pages(pages: int, prediction: float, seconds: float = 60.0) -> list[float]:
    """Keep one stream busy with `pages` pages of 300 lines at a time; return how long single lines take beside them."""
    queue, clock = queue_of()
    rng = random.Random(pages)
    now, due = 0.0, 0.0
    begun: dict[Ticket, float] = {}
    left: dict[Ticket, int] = {}

    def send_page() -> None:
        request = entered(clock, ticket(), expected=prediction * (DETECTION + 300 * READING))
        queue.put(entries(request, ["page"], PAGE, cost=DETECTION, at=now))

    def send_line() -> None:
        request = entered(clock, ticket(), expected=READING)
        begun[request] = due
        queue.put(entries(request, ["line"], cost=READING, at=now))

    for _ in range(pages):
        send_page()
    times = []
    while now < seconds:
        while due <= now:
            send_line()
            due += rng.expovariate(2.0)
        (entry,) = queue.take(now)
        now += entry.cost
        request = entry.ticket
        if request in begun:
            times.append(now - begun[request])
            clock.leave(request)
        elif entry.kind is PAGE:
            left[request] = 300
            queue.put(entries(request, ["line of a page"] * 300, cost=READING, at=now))
        else:
            left[request] -= 1
            if not left[request]:
                clock.leave(request)
                send_page()
    times += [now - since for request, since in begun.items() if request.work_left]  # have waited for so long by now
    return sorted(times)


@pytest.mark.parametrize("pages", [1, 16, 64])
@pytest.mark.parametrize("prediction", [0.5, 1.0, 2.0])
def test_single_lines_hardly_wait_beside_pages_that_saturate_the_service(pages: int, prediction: float) -> None:
    times = lines_beside_pages(pages, prediction)
    assert times[round(0.99 * len(times)) - 1] <= 3 * READING + DETECTION


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
