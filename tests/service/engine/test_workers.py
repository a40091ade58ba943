"""Threads that jobs are given to, in the order of rank."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import partial

from schedulers import entered, ticket
from service_fakes import PATIENCE, until

from service.engine.ticket import Ticket
from service.engine.workers import Workers
from service.observe.metrics import Metrics


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
