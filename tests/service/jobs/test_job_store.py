"""The store of jobs, in both databases: what two at once may do to each other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from job_stores import a_job, page, queued

from service.jobs.job import Job
from service.jobs.store import JobStore, LeaseLostError


def at_once(work: Callable[[int], object], count: int = 8) -> list[object]:
    """Return what so many threads give, or raise, that begin together."""
    start = threading.Barrier(count)

    def run(index: int) -> object:
        start.wait()
        try:
            return work(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_what_is_being_accepted_is_not_worked_on(store: JobStore) -> None:
    job = a_job()
    store.reserve(job, 1)
    assert store.take("lease", 1.0) is None
    assert store.of_owner("", 10, None, 0.0) == []
    store.accept(job.id, 2e9)
    assert store.take("lease", 1.0) is not None


def test_a_job_is_taken_once(store: JobStore) -> None:
    queued(store, a_job())
    taken = at_once(lambda i: store.take(f"lease-{i}", 1.0))
    assert sum(isinstance(job, Job) for job in taken) == 1


def test_the_oldest_is_taken_of_whom_fewest_are_worked_on(store: JobStore) -> None:
    many = [a_job(number) for number in range(3)]
    one = a_job(9, caller="b")
    queued(store, *many, one)
    taken = [store.take(f"lease-{i}", 1.0) for i in range(4)]
    assert [job.id for job in taken if job] == [many[0].id, one.id, many[1].id, many[2].id]


def test_a_page_is_noted_once_by_whoever_has_the_job(store: JobStore) -> None:
    queued(store, a_job())
    job = store.take("mine", 1.0)
    assert job is not None
    noted = at_once(lambda _: store.add_page(job.id, "mine", page(0)))
    assert [outcome for outcome in noted if not isinstance(outcome, LeaseLostError)] == [None]
    for lease, position in (("other", 1), ("mine", 0), ("mine", 2)):
        with pytest.raises(LeaseLostError):
            store.add_page(job.id, lease, page(position))
    store.add_page(job.id, "mine", page(1, "{}"))
    found = store.find(job.id)
    assert found is not None
    assert (found.pages_done, found.pages_failed) == (1, 1)
    assert [row.position for row in store.pages(job.id, 0, 10)] == [0, 1]
    assert [row.position for row in store.pages(job.id, 0, 10, failed=True)] == [1]


def test_a_worker_is_taken_for_dead_only_if_it_gave_no_sign(store: JobStore) -> None:
    queued(store, a_job())
    job = store.take("first", 1.0)
    assert job is not None
    assert store.sign(job.id, "first", 1.5)
    assert store.take_over(job, "second") is None
    (seen,) = store.running()
    assert seen.worked == 1.5
    taken = at_once(lambda i: store.take_over(seen, f"heir-{i}"))
    (heir,) = [job for job in taken if isinstance(job, Job)]
    assert (heir.tries, store.sign(job.id, "first", 1.0)) == (1, False)
    for change in (
        lambda: store.add_page(job.id, "first", page(0)),
        lambda: store.end(job.id, "first", state="succeeded", problem=None, now=2.0, expires=3.0),
        lambda: store.begin(job.id, "first", counts=[1], model={}, anew=True),
    ):
        with pytest.raises(LeaseLostError):
            change()
    assert heir.lease is not None
    store.add_page(job.id, heir.lease, page(0))
    assert store.running()[0].tries == 0


def test_cancelling_takes_the_job_from_its_worker(store: JobStore) -> None:
    queued(store, a_job())
    job = store.take("mine", 1.0)
    assert job is not None
    assert [bool(done) for done in at_once(lambda _: store.cancel(job.id, 5.0, 6.0))].count(True) == 1
    with pytest.raises(LeaseLostError):
        store.add_page(job.id, "mine", page(0))
    assert store.take("other", 1.0) is None


def test_an_idempotency_key_is_reserved_once(store: JobStore) -> None:
    jobs = [a_job(number, key="scan") for number in range(8)]
    found = at_once(lambda i: store.reserve(jobs[i], 100))
    assert len({job.id for job in found if isinstance(job, Job)}) == 1


def test_a_request_that_died_gives_its_idempotency_key_away(store: JobStore) -> None:
    left, again = a_job(key="scan"), a_job(9, key="scan")
    assert store.reserve(left, 100) is left
    found = store.reserve(again, 100, dead=left.created)
    assert found is not None
    assert found.id == left.id
    assert store.reserve(again, 100, dead=left.created + 1) is again


def test_a_job_whose_idempotency_key_was_given_away_is_not_accepted(store: JobStore) -> None:
    """Its files took long to be written and the client asked again, or the clock was set: one key makes one job."""
    slow, again = a_job(key="scan"), a_job(9, key="scan")
    store.reserve(slow, 100)
    assert store.reserve(again, 100, dead=slow.created + 1) is again
    assert not store.accept(slow.id, 2e9, "scan")
    assert store.accept(again.id, 2e9, "scan")


def test_the_first_call_is_due_at_once_whatever_the_clock_says(store: JobStore) -> None:
    """It was noted before the clock was set back; a second one waits as it should."""
    queued(store, replace(a_job(), callback_url="http://hooks.example"))
    job = store.take("mine", 9e4)
    assert job is not None
    store.end(job.id, "mine", state="succeeded", problem=None, now=9e4, expires=2e9)
    called = store.take_callback(3600.0, 3620.0)
    assert called is not None
    assert called.id == job.id
    assert store.take_callback(3610.0, 3630.0) is None
    assert store.take_callback(3620.0, 3640.0) is not None


def test_a_job_that_has_expired_gives_its_idempotency_key_away(store: JobStore) -> None:
    """Or the client would be given a job that it cannot see, until that is swept."""
    old, again = a_job(key="scan"), a_job(9, key="scan")
    queued(store, old)
    assert store.reserve(again, 100) != again  # it waits, whatever the clock says
    store.cancel(old.id, 1000.0, again.created)
    assert store.reserve(again, 100) is again


def test_what_waits_does_not_expire(store: JobStore) -> None:
    job = a_job()
    store.reserve(job, 1)
    assert [one.id for one in store.expired(3e9, 10)] == [job.id]  # left behind by a request that died
    store.accept(job.id, 2e9)
    assert store.expired(3e9, 10) == []


def test_only_what_was_not_accepted_is_withdrawn(store: JobStore) -> None:
    left, accepted = a_job(key="scan"), a_job(1)
    store.reserve(left, 10)
    queued(store, accepted)
    assert [store.withdraw(left.id), store.withdraw(accepted.id)] == [True, False]
    assert [job.id for job in store.expired(1000.0, 10)] == [left.id]
    again = a_job(2, key="scan")
    assert store.reserve(again, 10) is again


def test_what_has_expired_is_found_and_removed_with_its_pages(store: JobStore) -> None:
    queued(store, a_job())
    job = store.take("mine", 1.0)
    assert job is not None
    store.add_page(job.id, "mine", page(0))
    assert store.expired(3e9, 10) == []  # it is being worked on
    store.end(job.id, "mine", state="succeeded", problem=None, now=5.0, expires=6.0)
    assert [one.id for one in store.expired(7.0, 10)] == [job.id]
    store.remove(job.id)
    assert (store.find(job.id), store.pages(job.id, 0, 10)) == (None, [])


def test_nothing_of_a_statement_is_taken_from_what_is_stored(store: JobStore) -> None:
    nasty = replace(a_job(), caller="'; DROP TABLE ocr_jobs; --", files='["%(x)s :y \\u0000"]')
    queued(store, nasty)
    found = store.find(nasty.id)
    assert found is not None
    assert (found.caller, found.files) == (nasty.caller, nasty.files)
