"""The store of jobs, in both databases: what two at once may do to each other, and what happens where it fails."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from job_clients import databases

from service.errors import JobStoreError
from service.jobs import database as databases_module
from service.jobs.database import Database, PostgresDatabase, SqliteDatabase
from service.jobs.job import Job, PageRow
from service.jobs.jobs import Submission, _new_job
from service.jobs.store import SCHEMA, JobStore, LeaseLostError


@pytest.fixture(params=databases())
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made: Database = SqliteDatabase(tmp_path / "jobs.db", SCHEMA)
    else:
        made = PostgresDatabase(request.getfixturevalue("fresh_postgres"), SCHEMA)
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database)


def a_job(number: int = 0, *, caller: str = "a", key: str | None = None) -> Job:
    submission = Submission(owner="", caller=caller, names=["1.png"], files=[b""], fields={}, idempotency_key=key)
    return _new_job(submission, "0" * 64, 1000.0 + number)


def queued(store: JobStore, *jobs: Job) -> None:
    for job in jobs:
        assert store.reserve(job, 100) is job
        assert store.accept(job.id, 2e9)


def page(position: int, problem: str | None = None) -> PageRow:
    return PageRow(position=position, file=0, page=position + 1, name=f"page-{position}", problem=problem)


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


def test_a_locked_file_is_read_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases_module, "LOCKED_SECONDS", 0.01)
    store = JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA))
    job = a_job()
    queued(store, job)
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JobStoreError):
        store.take("lease", 1.0)
    assert store.find(job.id) is not None
    other.execute("ROLLBACK")
    assert store.take("lease", 1.0) is not None
    other.close()


def test_two_that_open_a_new_file_at_once_both_get_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter(range(3))

    class Refused(databases_module._Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if "journal_mode" in sql and next(refusals, None) is not None:
                raise sqlite3.OperationalError("database is locked")  # SQLite does not wait for it
            return super().execute(sql, *values)

    monkeypatch.setattr(databases_module, "_Connection", Refused)
    JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA)).reserve(a_job(), 1)
    assert next(refusals, None) is None
    refusals = iter(int, 1)
    monkeypatch.setattr(databases_module, "LOCKED_SECONDS", 0.05)
    with pytest.raises(JobStoreError):
        JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA)).reserve(a_job(), 1)


def test_others_may_look_into_the_file(tmp_path: Path) -> None:
    """Whoever closes it last empties the log and deletes it, and must see that a service has it open."""
    database = SqliteDatabase(tmp_path / "jobs.db", SCHEMA)
    store = JobStore(database)
    with database.transaction(write=False), database.transaction(write=False):  # a second connection
        pass
    look = f"import sqlite3; c = sqlite3.connect({str(tmp_path / 'jobs.db')!r}); c.execute('SELECT id FROM ocr_jobs')"
    subprocess.run([sys.executable, "-c", f"{look}; c.close()"], check=True, timeout=60)
    job = a_job()
    queued(store, job)
    assert JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA)).find(job.id) is not None


def test_a_folder_that_cannot_be_looked_into_may_hold_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)
    assert SqliteDatabase(tmp_path / "jobs.db", SCHEMA).is_there()


def test_a_file_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    store = JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA))
    queued(store, a_job())
    (tmp_path / "jobs.db").unlink()
    job = a_job()
    queued(store, job)
    assert JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA)).find(job.id) is not None


def test_nobody_else_reads_the_file(tmp_path: Path) -> None:
    JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA)).reserve(a_job(), 1)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"no database" * 1000)
    with pytest.raises(JobStoreError):
        JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA)).reserve(a_job(), 1)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(JobStoreError):
        JobStore(SqliteDatabase(tmp_path / "file" / "jobs.db", SCHEMA)).reserve(a_job(), 1)


@pytest.mark.slow
def test_a_server_that_is_gone_is_found_again(fresh_postgres: str, postgres_server: object) -> None:
    database = PostgresDatabase(fresh_postgres, SCHEMA)
    store = JobStore(database)
    job = a_job()
    queued(store, job)
    postgres_server.stop()
    with pytest.raises(JobStoreError):
        store.find(job.id)
    postgres_server.start()
    assert store.find(job.id) is not None
    database.close()
