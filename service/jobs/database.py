"""The database of jobs: SQLite in a file, or PostgreSQL for several replicas. The statements are the same for both."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import JobStoreError

log = logging.getLogger(__name__)

LOCKED_SECONDS = 2.0
"""How long a statement waits for a file that another process has locked."""
LOCKED_POLL_SECONDS = 0.01
CONNECT_SECONDS = 3
"""How long a connection to a server may take."""
STATEMENT_SECONDS = 5
"""How long a statement may take, and how long a server may be silent."""
_PARAMETER = re.compile(r":(\w+)")
_MADE = re.compile(r"IF NOT EXISTS (\w+)")
_LOCKED = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED, which `sqlite3` names from Python 3.11 on."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Schema:
    """What a database must have."""

    statements: str
    """Make what is not there, `CREATE … IF NOT EXISTS`, with semicolons between them."""
    columns: Mapping[str, str]
    """Of each table, with commas between them. Others, which a later version has added, do no harm."""

    def names(self) -> set[str]:
        """Return the tables and indexes that the statements make."""
        return set(_MADE.findall(self.statements))


class Transaction:
    """A transaction that is open."""

    def __init__(self, cursor: Any, translate: Callable[[str], str]) -> None:
        self._cursor = cursor
        self._translate = translate

    def change(self, sql: str, **values: object) -> int:
        """Run a statement, with `:name` for a value; return how many rows it changed."""
        self._cursor.execute(self._translate(sql), values)
        return int(self._cursor.rowcount)

    def rows(self, sql: str, **values: object) -> list[Row]:
        """Return what a query finds."""
        self._cursor.execute(self._translate(sql), values)
        names = [column[0] for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]


class Database(ABC):
    """Where jobs are kept. Safe from any thread: connections are lent, and made anew once one broke."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._idle: list[Any] = []

    def is_there(self) -> bool:
        """Tell whether there may be anything in it."""
        return True

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Transaction]:
        """Open a transaction, which is committed at the end; `write` unless it only reads.

        Raises:
            JobStoreError: the database is gone, locked or full. What was to be changed was not, as far as can be known.
        """
        connection = None
        try:
            connection = self._borrow()
            with self._begun(connection, write=write) as transaction:
                yield transaction
        except self._errors() as error:
            self._drop(connection)
            log.warning("the store of jobs failed: %s", str(error).strip())
            raise JobStoreError("the store of jobs cannot be reached") from error
        except BaseException:
            if connection is not None:
                self._idle.append(connection)
            raise
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Let go of connections that nobody uses."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:  # asked before, another thread may take it in between
                return
            with suppress(*self._errors()):
                connection.close()

    def _borrow(self) -> Any:
        while self._idle:
            with suppress(IndexError):
                connection = self._idle.pop()
                if self._is_current(connection):
                    return connection
                connection.close()
        connection = self._connect()
        try:
            self._prepare(connection, self._schema)
            for table, columns in self._schema.columns.items():  # jobs that are taken in could not be worked on
                connection.execute(f"SELECT {columns} FROM {table} LIMIT 0")
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self, connection: Any) -> None:
        """Close a connection that failed, and those that would fail as well."""
        if connection is not None:
            self._idle.append(connection)
        self.close()

    @abstractmethod
    def _is_current(self, connection: Any) -> bool: ...

    @abstractmethod
    def _connect(self) -> Any: ...

    @abstractmethod
    def _errors(self) -> tuple[type[Exception], ...]: ...

    @abstractmethod
    def _prepare(self, connection: Any, schema: Schema) -> None: ...

    @abstractmethod
    def _begun(self, connection: Any, *, write: bool) -> AbstractContextManager[Transaction]: ...


class _Connection(sqlite3.Connection):
    inode = 0
    """Of the file that it opened."""


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Give a file its write-ahead log, which SQLite refuses without waiting while another connection does the same."""
    until = time.monotonic() + LOCKED_SECONDS
    while (error := _refusal(connection)) is not None:
        # A disk that is full, or may not be written, is so after a while as well.
        if not _is_locked(error) or time.monotonic() >= until:
            raise error
        time.sleep(LOCKED_POLL_SECONDS)


def _refusal(connection: sqlite3.Connection) -> sqlite3.OperationalError | None:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        return error
    return None


def _is_locked(error: sqlite3.OperationalError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return "locked" in str(error) if code is None else code & 0xFF in _LOCKED


class SqliteDatabase(Database):
    """A file. Its write-ahead log lets others read while one writes; what was committed is on the disk."""

    def __init__(self, path: Path, schema: Schema) -> None:
        super().__init__(schema)
        self._path = path
        self._making = threading.Lock()

    def is_there(self) -> bool:
        """Tell whether the file was made: a service of which nobody wants jobs writes nothing."""
        try:
            return self._path.exists()
        except OSError:  # a folder that nobody may look into: what is asked of it fails, and says so
            return True

    def _connect(self) -> _Connection:
        self._make()
        connection = sqlite3.connect(
            self._path, timeout=LOCKED_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        try:
            # A row that somebody has spoilt keeps none of the others from being read.
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            _log_ahead(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.inode = self._path.stat().st_ino
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self) -> None:
        """Make the file, if there is none, for the owner's eyes: passwords of PDFs are in it.

        What SQLite makes beside it has the same mode. A file that is there is not opened: by closing it this process
        would lose the locks of all its connections (POSIX), and whoever else has the file would delete its log.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._making, suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _is_current(self, connection: Any) -> bool:
        # What is written into a file that somebody has deleted would be lost.
        try:
            return bool(self._path.stat().st_ino == connection.inode)
        except FileNotFoundError:
            return False

    def _errors(self) -> tuple[type[Exception], ...]:
        return sqlite3.Error, OSError

    def _prepare(self, connection: sqlite3.Connection, schema: Schema) -> None:
        # Where all is there nothing is written: a disk that is full, or may not be written, can still be read.
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not schema.names() <= there:
            connection.executescript(f"BEGIN IMMEDIATE; {schema.statements}; COMMIT")

    @contextmanager
    def _begun(self, connection: sqlite3.Connection, *, write: bool) -> Iterator[Transaction]:
        # What will write says so at once: a transaction that reads first is refused where another wrote in between.
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield Transaction(connection.cursor(), str)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


class PostgresDatabase(Database):
    """A PostgreSQL server (extra `postgres`)."""

    def __init__(self, url: str, schema: Schema) -> None:
        import psycopg  # not needed, and not there, where jobs are kept in a file

        super().__init__(schema)
        self._psycopg = psycopg
        self._url = url

    def _connect(self) -> Any:
        return self._psycopg.connect(
            self._url,
            autocommit=True,
            prepare_threshold=None,  # poolers in between hand on no prepared statements
            connect_timeout=CONNECT_SECONDS,
            application_name="ocr",
            client_encoding="UTF8",  # a server that was set up without a language would give bytes for text
            keepalives_idle=STATEMENT_SECONDS,
            keepalives_interval=1,
            keepalives_count=3,
            tcp_user_timeout=STATEMENT_SECONDS * 1000,
        )

    def _is_current(self, connection: Any) -> bool:
        return not connection.closed

    def _errors(self) -> tuple[type[Exception], ...]:
        return self._psycopg.Error, OSError

    def _prepare(self, connection: Any, schema: Schema) -> None:
        connection.execute(f"SET statement_timeout = {STATEMENT_SECONDS * 1000}")
        # Also to find an index that is there, its table is locked against all who write.
        there = connection.execute("SELECT relname FROM pg_class WHERE pg_table_is_visible(oid)").fetchall()
        if schema.names() <= {name for (name,) in there}:
            return
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(671830522)")  # replicas that start together
            for statement in schema.statements.split(";"):
                connection.execute(statement)

    @contextmanager
    def _begun(self, connection: Any, *, write: bool) -> Iterator[Transaction]:  # noqa: ARG002
        with connection.transaction():
            yield Transaction(connection.cursor(), lambda sql: _PARAMETER.sub(r"%(\1)s", sql))
