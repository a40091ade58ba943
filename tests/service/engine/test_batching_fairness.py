"""How long requests wait beside others, by a simulated stream that serves the queue."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queues import FOREVER, LINE, PAGE, entered, entries, queue_of, ticket

from service.engine.batching.queue import Entry
from service.engine.ticket import Ticket


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
