"""The jobs, as the database has them: who may see them, who works on them, how far they are.

A worker has a job by its lease, a word that is drawn anew for each attempt and without which nothing of the job can be
changed. That it still works is seen by `beat`, which rises every few seconds: whoever sees it stand still for longer,
by a clock of its own, takes the job over. No two clocks are compared, so that none must be right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from service.jobs.database import Database, Schema, Transaction
from service.jobs.job import Job, PageRow

_STATEMENTS = """
CREATE TABLE IF NOT EXISTS ocr_jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, caller TEXT NOT NULL, state TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION, ended DOUBLE PRECISION,
    expires DOUBLE PRECISION NOT NULL, idempotency_key TEXT, fingerprint TEXT NOT NULL,
    fields TEXT NOT NULL, files TEXT NOT NULL, counts TEXT,
    pages_done INTEGER NOT NULL DEFAULT 0, pages_failed INTEGER NOT NULL DEFAULT 0,
    worked DOUBLE PRECISION NOT NULL DEFAULT 0, model TEXT, problem TEXT,
    lease TEXT, beat BIGINT NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    callback_url TEXT, callback_at DOUBLE PRECISION, callback_tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, idempotency_key)
);
CREATE INDEX IF NOT EXISTS ocr_jobs_of_owner ON ocr_jobs (owner, created, id);
CREATE INDEX IF NOT EXISTS ocr_jobs_in_state ON ocr_jobs (state, created);
CREATE INDEX IF NOT EXISTS ocr_jobs_by_expiry ON ocr_jobs (expires);
CREATE TABLE IF NOT EXISTS ocr_job_pages (
    job TEXT NOT NULL, position INTEGER NOT NULL, file INTEGER NOT NULL, page INTEGER NOT NULL,
    name TEXT, problem TEXT, PRIMARY KEY (job, position)
)"""
JOB = ", ".join(Job.__dataclass_fields__)
PAGE = ", ".join(PageRow.__dataclass_fields__)
"""The columns that are asked for, by name: after a later version the tables may have more."""
SCHEMA = Schema(_STATEMENTS, {"ocr_jobs": JOB, "ocr_job_pages": f"job, {PAGE}"})

MINE = "id = :id AND lease = :lease AND state = 'running'"
INSIDE = "state IN ('accepting', 'queued', 'running')"


class LeaseLostError(Exception):
    """A job is worked on by another, or is no longer wanted."""


class JobStore:
    """Blocks; safe from any thread. Every method raises JobStoreError while the database cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_there(self) -> bool:
        """Tell whether there may be jobs at all."""
        return self._database.is_there()

    # What clients do

    def reserve(self, job: Job, most: int, dead: float = 0.0) -> Job | None:
        """Add a job that is being accepted, unless its caller has `most` inside, or one has its idempotency key.

        Args:
            job: the job.
            most: jobs that its caller may have inside.
            dead: those that have been accepted since before then were left behind, and give their key away, as those
                do that have expired.

        Returns:
            The one that was there before, or `job`; None if there are too many.
        """
        with self._database.transaction() as transaction:
            if job.idempotency_key is not None:
                transaction.change(
                    "UPDATE ocr_jobs SET idempotency_key = NULL WHERE owner = :owner AND idempotency_key = :key "
                    f"AND ((state = 'accepting' AND created < :dead) OR (expires <= :now AND NOT {INSIDE}))",
                    now=job.created,
                    owner=job.owner,
                    key=job.idempotency_key,
                    dead=dead,
                )
                found = transaction.rows(
                    f"SELECT {JOB} FROM ocr_jobs WHERE owner = :owner AND idempotency_key = :key",
                    owner=job.owner,
                    key=job.idempotency_key,
                )
                if found:
                    return Job(**found[0])
            count = f"SELECT COUNT(*) AS inside FROM ocr_jobs WHERE caller = :caller AND {INSIDE}"
            if transaction.rows(count, caller=job.caller)[0]["inside"] >= most:
                return None
            values = {name: getattr(job, name) for name in Job.__dataclass_fields__}
            names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
            added = transaction.change(
                f"INSERT INTO ocr_jobs ({names}) VALUES ({places}) ON CONFLICT DO NOTHING", **values
            )
        # Another replica was faster with the same key.
        return job if added else self.reserve(job, most, dead)

    def accept(self, job: str, expires: float, key: str | None = None) -> bool:
        """Let work on a reserved job begin, unless its idempotency key was given to another one meanwhile."""
        own = "" if key is None else " AND idempotency_key = :key"
        sql = f"UPDATE ocr_jobs SET state = 'queued', expires = :expires WHERE id = :id AND state = 'accepting'{own}"
        return self._change(sql, id=job, expires=expires, key=key) == 1

    def withdraw(self, job: str) -> bool:
        """Let a reserved job be what has expired; return whether it was still reserved."""
        sql = (
            "UPDATE ocr_jobs SET state = 'cancelled', expires = 0, idempotency_key = NULL "
            "WHERE id = :id AND state = 'accepting'"
        )
        return self._change(sql, id=job) == 1

    def find(self, job: str) -> Job | None:
        """Return a job."""
        with self._database.transaction(write=False) as transaction:
            return next(iter(_jobs(transaction, f"SELECT {JOB} FROM ocr_jobs WHERE id = :id", id=job)), None)

    def of_owner(self, owner: str, limit: int, before: tuple[float, str] | None, now: float) -> list[Job]:
        """Return the newest jobs of an owner, or those that come after the one created at `before[0]`, `before[1]`."""
        then = "" if before is None else "AND (created < :created OR (created = :created AND id < :id))"
        created, last = before or (0.0, "")
        with self._database.transaction(write=False) as transaction:
            return _jobs(
                transaction,
                f"SELECT {JOB} FROM ocr_jobs WHERE owner = :owner AND state != 'accepting' "
                f"AND (expires > :now OR state IN ('queued', 'running')) {then} "
                "ORDER BY created DESC, id DESC LIMIT :limit",
                owner=owner,
                limit=limit,
                created=created,
                id=last,
                now=now,
            )

    def pages(self, job: str, start: int, limit: int, *, failed: bool = False) -> list[PageRow]:
        """Return pages of a job that are over, in order, from `start` on; with `failed` those that failed alone."""
        chosen = "AND problem IS NOT NULL" if failed else ""
        with self._database.transaction(write=False) as transaction:
            rows = transaction.rows(
                f"SELECT {PAGE} FROM ocr_job_pages "
                f"WHERE job = :job AND position >= :start {chosen} ORDER BY position LIMIT :limit",
                job=job,
                start=start,
                limit=limit,
            )
        return [PageRow(**row) for row in rows]

    def cancel(self, job: str, now: float, expires: float) -> bool:
        """End a job that has not ended; return whether it had not."""
        sql = (
            "UPDATE ocr_jobs SET state = 'cancelled', ended = :now, expires = :expires, lease = NULL, "
            "callback_at = CASE WHEN callback_url IS NULL THEN NULL ELSE :now END "
            "WHERE id = :id AND state IN ('queued', 'running')"
        )
        return self._change(sql, id=job, now=now, expires=expires) == 1

    def remove(self, job: str) -> None:
        """Forget a job and its pages."""
        with self._database.transaction() as transaction:
            transaction.change("DELETE FROM ocr_job_pages WHERE job = :id", id=job)
            transaction.change("DELETE FROM ocr_jobs WHERE id = :id", id=job)

    # What workers do

    def take(self, lease: str, now: float) -> Job | None:
        """Take the next job: of the caller of whom fewest are worked on, the oldest."""
        with self._database.transaction(write=False) as transaction:  # asked all the time, it keeps nobody waiting
            if not transaction.rows("SELECT id FROM ocr_jobs WHERE state = 'queued' LIMIT 1"):
                return None
        with self._database.transaction() as transaction:
            waiting = transaction.rows(
                "SELECT id FROM ocr_jobs AS one WHERE state = 'queued' ORDER BY "
                "(SELECT COUNT(*) FROM ocr_jobs AS other WHERE other.state = 'running' AND other.caller = one.caller), "
                "created, id LIMIT 1"
            )
            if not waiting:
                return None
            sql = (
                "UPDATE ocr_jobs SET state = 'running', lease = :lease, beat = beat + 1, "
                "started = COALESCE(started, :now) WHERE id = :id AND state = 'queued'"
            )
            if not transaction.change(sql, id=waiting[0]["id"], lease=lease, now=now):
                return None
            return _jobs(transaction, f"SELECT {JOB} FROM ocr_jobs WHERE id = :id", **waiting[0])[0]

    def running(self) -> list[Job]:
        """Return the jobs that workers have."""
        with self._database.transaction(write=False) as transaction:
            return _jobs(transaction, f"SELECT {JOB} FROM ocr_jobs WHERE state = 'running'")

    def take_over(self, job: Job, lease: str) -> Job | None:
        """Take a job whose worker gave no sign of life since it was seen as it is here; None if it did after all."""
        with self._database.transaction() as transaction:
            sql = f"UPDATE ocr_jobs SET lease = :new, beat = beat + 1, tries = tries + 1 WHERE {MINE} AND beat = :beat"
            if not transaction.change(sql, id=job.id, lease=job.lease, beat=job.beat, new=lease):
                return None
            return _jobs(transaction, f"SELECT {JOB} FROM ocr_jobs WHERE id = :id", id=job.id)[0]

    def sign(self, job: str, lease: str, seconds: float) -> bool:
        """Give a sign of life after so many seconds of work; return whether the job is still had."""
        sql = f"UPDATE ocr_jobs SET beat = beat + 1, worked = worked + :seconds WHERE {MINE}"
        return self._change(sql, id=job, lease=lease, seconds=seconds) == 1

    def begin(self, job: str, lease: str, *, counts: Sequence[int], model: Mapping[str, str], anew: bool) -> None:
        """Note what will be read and by which model; `anew` forgets the pages that another one has read.

        Raises:
            LeaseLostError: another one works on it, or none is wanted.
        """
        with self._database.transaction() as transaction:
            again = ", pages_done = 0, pages_failed = 0" if anew else ""
            sql = f"UPDATE ocr_jobs SET counts = :counts, model = :model{again} WHERE {MINE}"
            values = {"counts": json.dumps(list(counts)), "model": json.dumps(dict(model))}
            _require(transaction.change(sql, id=job, lease=lease, **values))
            if anew:
                transaction.change("DELETE FROM ocr_job_pages WHERE job = :id", id=job)

    def add_page(self, job: str, lease: str, page: PageRow, seconds: float = 0.0) -> None:
        """Note that the next page is over, after so many seconds of work.

        Raises:
            LeaseLostError: another one works on it, or none is wanted, or this was not the next page.
        """
        column = "pages_done" if page.problem is None else "pages_failed"
        with self._database.transaction() as transaction:
            sql = (
                f"UPDATE ocr_jobs SET {column} = {column} + 1, beat = beat + 1, tries = 0, worked = worked + :seconds "
                f"WHERE {MINE} AND pages_done + pages_failed = :position"
            )
            _require(transaction.change(sql, id=job, lease=lease, position=page.position, seconds=seconds))
            transaction.change(
                "INSERT INTO ocr_job_pages (job, position, file, page, name, problem) "
                "VALUES (:job, :position, :file, :page, :name, :problem)",
                job=job,
                position=page.position,
                file=page.file,
                page=page.page,
                name=page.name,
                problem=page.problem,
            )

    def end(self, job: str, lease: str, *, state: str, problem: str | None, now: float, expires: float) -> None:
        """End a job.

        Raises:
            LeaseLostError: another one works on it, or none is wanted.
        """
        sql = (
            "UPDATE ocr_jobs SET state = :state, problem = :problem, ended = :now, expires = :expires, lease = NULL, "
            f"callback_at = CASE WHEN callback_url IS NULL THEN NULL ELSE :now END WHERE {MINE}"
        )
        _require(self._change(sql, id=job, lease=lease, state=state, problem=problem, now=now, expires=expires))

    def give_back(self, job: str, lease: str) -> None:
        """Let another worker go on."""
        self._change(f"UPDATE ocr_jobs SET state = 'queued', lease = NULL WHERE {MINE}", id=job, lease=lease)

    # What must be done from time to time

    def expired(self, now: float, limit: int) -> list[Job]:
        """Return jobs that are to be removed; none that waits or is worked on, whatever the clock says."""
        sql = (
            f"SELECT {JOB} FROM ocr_jobs WHERE expires < :now AND state NOT IN ('queued', 'running') "
            "ORDER BY expires LIMIT :limit"
        )
        with self._database.transaction(write=False) as transaction:
            return _jobs(transaction, sql, now=now, limit=limit)

    def waiting(self) -> tuple[int, int, float | None]:
        """Return how many jobs are queued, how many worked on, and when the oldest that is queued was created."""
        sql = (
            "SELECT state, COUNT(*) AS number, MIN(created) AS oldest FROM ocr_jobs "
            "WHERE state IN ('queued', 'running') GROUP BY state"
        )
        with self._database.transaction(write=False) as transaction:
            found = {row["state"]: row for row in transaction.rows(sql)}
        queued, running = found.get("queued"), found.get("running")
        return (
            queued["number"] if queued else 0,
            running["number"] if running else 0,
            queued["oldest"] if queued else None,
        )

    def take_callback(self, now: float, retry_at: float) -> Job | None:
        """Take a callback that is due; unless it is done by `retry_at`, it will be due again."""
        due = (  # the first call of each at once: it was noted by a clock that may have been set back since
            f"SELECT {JOB} FROM ocr_jobs WHERE callback_at <= :now OR (callback_at IS NOT NULL AND callback_tries = 0) "
            "ORDER BY callback_at LIMIT 1"
        )
        with self._database.transaction(write=False) as transaction:  # asked all the time, it keeps nobody waiting
            if not transaction.rows(due, now=now):
                return None
        with self._database.transaction() as transaction:
            found = _jobs(transaction, due, now=now)
            sql = (
                "UPDATE ocr_jobs SET callback_at = :retry_at, callback_tries = callback_tries + 1 "
                "WHERE id = :id AND callback_tries = :tries"
            )
            job = next(iter(found), None)
            if job and transaction.change(sql, id=job.id, tries=job.callback_tries, retry_at=retry_at):
                return job
            return None

    def set_callback(self, job: str, at: float | None) -> None:
        """Say when to call next; None: never again."""
        self._change("UPDATE ocr_jobs SET callback_at = :at WHERE id = :id", id=job, at=at)

    def _change(self, sql: str, **values: object) -> int:
        with self._database.transaction() as transaction:
            return transaction.change(sql, **values)


def _jobs(transaction: Transaction, sql: str, **values: Any) -> list[Job]:
    return [Job(**row) for row in transaction.rows(sql, **values)]


def _require(changed: int) -> None:
    if not changed:
        raise LeaseLostError("the job is worked on by another, or no longer wanted")
