"""What yields: jobs beside requests that someone waits for."""

from __future__ import annotations

import math

from service.engine.batching.fairness import FairClock
from service.engine.batching.queue import BatchQueue, Entry, Kind
from service.engine.ticket import Ticket

KIND = Kind("rec", "model", 32, 256)


def inside(clock: FairClock, cost: float, share: float = 1.0) -> Ticket:
    ticket = Ticket(math.inf, share=share)
    clock.enter(ticket, cost)
    return ticket


def entry(ticket: Ticket, cost: float = 1.0) -> Entry[None]:
    return Entry(KIND, ticket, cost, 0.0, None)


def test_nothing_of_a_job_begins_while_a_request_is_inside_that_has_nothing_ready() -> None:
    clock = FairClock()
    queue: BatchQueue[None] = BatchQueue(clock, max_pixels=10**9)
    job, request = inside(clock, 1.0, share=0.1), inside(clock, 1.0)
    queue.put([entry(job)])
    assert queue.take(0.0) == []
    assert queue.due_at() is None
    queue.put([entry(request)])
    assert [one.ticket for one in queue.take(0.0)] == [request]
    clock.leave(request)
    assert [one.ticket for one in queue.take(0.0)] == [job]


def test_a_job_comes_before_requests_once_it_has_waited_for_its_share() -> None:
    clock = FairClock()
    job = inside(clock, 1.0, share=0.1)
    begun = 0
    while True:
        request = inside(clock, 1.0)
        if clock.may_begin(job):
            break
        clock.spend(request, 1.0)
        clock.leave(request)
        begun += 1
    assert 8 <= begun <= 12


def test_what_is_held_does_not_hold_a_request() -> None:
    clock = FairClock()
    job, request = inside(clock, 1.0, share=0.1), inside(clock, 9.0)
    clock.held = True
    assert (clock.may_begin(job), clock.may_begin(request)) == (False, True)


def test_nobody_is_refused_for_the_deadline_of_a_job() -> None:
    clock = FairClock()
    job = Ticket(0.0, clock=lambda: 0.0, share=0.1)
    clock.enter(job, 1.0)
    request = Ticket(100.0, clock=lambda: 0.0)
    clock.enter(request, 1.0)
    assert clock.lateness(request, 1.0) < 0


def test_the_pages_of_a_job_have_one_share_together_and_longer_deadlines() -> None:
    job = Ticket(math.inf, clock=lambda: 0.0, share=0.1)
    page = job.part(30.0, among=4)
    assert (page.share, page.deadline) == (0.025, 300.0)
    request = Ticket(math.inf, clock=lambda: 0.0).part(30.0, among=4)
    assert (request.share, request.deadline) == (1.0, 30.0)
