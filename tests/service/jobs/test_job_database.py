"""The database of jobs: what happens where it fails, and where its tables are not those that are expected."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from job_stores import a_job, page, queued

from service.errors import JobStoreError
from service.jobs import database as databases_module
from service.jobs.database import Database, PostgresDatabase, SqliteDatabase
from service.jobs.store import SCHEMA, JobStore


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


def test_what_waiting_cannot_mend_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    class ReadOnly(databases_module._Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if "journal_mode" in sql:
                tries.append(sql)
                super().execute("PRAGMA query_only = ON")
                return super().execute("CREATE TABLE refused (x)")  # attempt to write a readonly database
            return super().execute(sql, *values)

    monkeypatch.setattr(databases_module, "_Connection", ReadOnly)
    with pytest.raises(JobStoreError):
        JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA)).reserve(a_job(), 1)
    assert len(tries) == 1


def test_an_error_that_nobody_expected_is_that_of_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA))

    def fail(_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as failing:
        failing.setattr(databases_module, "_log_ahead", fail)
        with pytest.raises(MemoryError):
            store.running()
    assert store.running() == []


def test_many_that_fail_at_once_close_each_connection_once(tmp_path: Path) -> None:
    class Raced(list[object]):
        """Of two threads that ask whether a connection is left, the other one takes it."""

        def __bool__(self) -> bool:
            left = len(self) > 0
            self.clear()
            return left

    database = SqliteDatabase(tmp_path / "jobs.db", SCHEMA)
    database._idle = Raced()
    with pytest.raises(JobStoreError), database.transaction() as transaction:
        transaction.rows("SELECT * FROM nowhere")
    assert len(database._idle) == 0


def test_columns_of_a_later_version_do_no_harm(database: Database, store: JobStore) -> None:
    queued(store, a_job(key="scan"))
    with database.transaction() as transaction:
        for table in ("ocr_jobs", "ocr_job_pages"):
            transaction.change(f"ALTER TABLE {table} ADD COLUMN later TEXT DEFAULT 'x'")
    job = store.take("mine", 1.0)
    assert job is not None
    store.add_page(job.id, "mine", page(0))
    assert [one.id for one in store.of_owner("", 10, None, 0.0)] == [job.id]
    assert [row.position for row in store.pages(job.id, 0, 10)] == [0]
    found = store.reserve(a_job(1, key="scan"), 10)
    assert found is not None
    assert found.id == job.id


def test_a_table_that_was_lost_is_made_anew(database: Database, store: JobStore) -> None:
    queued(store, a_job())
    with database.transaction() as transaction:
        transaction.change("DROP TABLE ocr_job_pages")
    database.close()
    job = store.take("mine", 1.0)
    assert job is not None
    store.add_page(job.id, "mine", page(0))
    assert [row.position for row in store.pages(job.id, 0, 10)] == [0]


def test_a_store_without_a_column_takes_no_jobs(database: Database, store: JobStore) -> None:
    """They would be answered 202 and never be worked on."""
    queued(store, a_job())
    with database.transaction() as transaction:
        transaction.change("ALTER TABLE ocr_job_pages DROP COLUMN problem")
    database.close()
    with pytest.raises(JobStoreError) as refused:
        store.reserve(a_job(1), 10)
    assert "problem" in str(refused.value.__cause__)


def test_text_that_is_none_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    store = JobStore(SqliteDatabase(tmp_path / "jobs.db", SCHEMA))
    good, bad = a_job(), a_job(1)
    queued(store, good, bad)
    with sqlite3.connect(tmp_path / "jobs.db") as connection:
        connection.execute("UPDATE ocr_jobs SET files = CAST(x'ff' AS TEXT) WHERE id = ?", [bad.id])
    assert {job.id for job in store.of_owner("", 10, None, 0.0)} == {good.id, bad.id}


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


@pytest.mark.slow
def test_a_change_that_somebody_has_left_open_keeps_nobody_out(fresh_postgres: str) -> None:
    import psycopg

    first, second = a_job(), a_job(1)
    database = PostgresDatabase(fresh_postgres, SCHEMA)
    queued(JobStore(database), first)
    database.close()
    with psycopg.connect(fresh_postgres) as other:
        other.execute("UPDATE ocr_jobs SET owner = owner")
        database = PostgresDatabase(fresh_postgres, SCHEMA)
        queued(JobStore(database), second)
        assert JobStore(database).find(first.id) is not None
        database.close()
