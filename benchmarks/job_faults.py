"""What becomes of jobs where their store fails.

    python -m benchmarks.job_faults --data DIR [--sets NAME …] [--pages 30]

A disk that is full, a file that is locked, a server that is gone, a clock that jumps, two workers that both believe to
have a job: each comes while a job is being read. New jobs are sent meanwhile, and it is noted how they are answered.
Afterwards all that were answered 202 must end, each with every page once and in order. A full disk is a tmpfs, which
root alone may mount; the clock is that of libfaketime, where it is installed; the server is PostgreSQL.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.common import add_data_arguments, add_out_argument, print_table, show_progress, write_result
from benchmarks.documents import jpegs, scanned
from benchmarks.jobs import Figures, has_ended, hash_of, reached, result_of, status, submit, wait_for, with_jobs, works
from benchmarks.postgres import postgres
from benchmarks.servers import Running, running
from benchmarks.systems import add_model_arguments

BEGUN = 5
"""Pages after which the fault comes."""
GONE_SECONDS = 30.0
JUMP_SECONDS = 3 * 3600
FAKETIME = [f"/usr/lib/{kind}-linux-gnu/faketime/libfaketimeMT.so.1" for kind in ("x86_64", "aarch64")]
"""Where Debian installs it."""


class Trial:
    """A job that is being read while something fails, and those that were sent meanwhile."""

    def __init__(self, server: Running, scan: bytes, pages: int) -> None:
        self.server = server
        self._scan = scan
        self._pages = pages
        self._sent: list[str] = []
        self.statuses: list[str] = []
        self.job = submit(server, scan)
        wait_for(server, self.job, lambda found: reached(found, BEGUN))
        self.at = status(server, self.job)["pages_done"]

    def send(self) -> None:
        """Send a job and note how it is answered."""
        try:
            self._sent.append(submit(self.server, self._scan))
            self.statuses.append("202")
        except urllib.error.HTTPError as error:
            after = error.headers.get("Retry-After")
            self.statuses.append(f"{error.code}" + (f", Retry-After {after}" if after else ""))

    def outcome(self, server: Running | None = None) -> Figures:
        """Wait until all jobs have ended; return what became of them."""
        server = server or self.server
        jobs = [self.job, *self._sent]
        ended = [wait_for(server, job, has_ended) for job in jobs]
        pages = [result_of(server, job) for job in jobs]
        numbers = list(range(1, self._pages + 1))
        whole = all([page["page"] for page in found] == numbers for found in pages)
        return {
            "new_jobs": "; ".join(dict.fromkeys(self.statuses)) or "none sent",
            "at_page": self.at,
            "states": ", ".join(sorted({found["state"] for found in ended})),
            "accepted": len(jobs),
            "every_page_once_in_order": whole,
            "all_alike": len({tuple(map(hash_of, found)) for found in pages}) == 1,
        }


def main() -> None:
    """Try, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--what", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--pages", type=int, default=30)
    parser.add_argument("--cores", type=int, nargs="+", help="of each service; by default all")
    add_out_argument(parser, "job-faults")
    args = parser.parse_args()
    scan = scanned(list(itertools.islice(itertools.cycle(jpegs(args)), args.pages)))
    result: Figures = {}
    for name in args.what:
        show_progress(name)
        with tempfile.TemporaryDirectory() as folder:
            try:
                result[name] = FAULTS[name](args, scan, Path(folder))
            except (FileNotFoundError, PermissionError) as error:
                result[name] = {"not_tried": str(error)}
    keys = list(dict.fromkeys(key for figures in result.values() for key in figures))
    print_table(("fault", *keys), [(name, *(row.get(key, "") for key in keys)) for name, row in result.items()])
    write_result(args.out, args, result)


def full_disk(args: argparse.Namespace, scan: bytes, folder: Path) -> Figures:
    """Fill the disk on which jobs, uploads and results lie; empty it after some seconds."""
    with mounted(folder, 4 * len(scan) + (8 << 20)), running(with_jobs(args, scan, jobs_folder=folder), None) as server:
        trial = Trial(server, scan, args.pages)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass
        for _ in range(3):
            trial.send()
            time.sleep(3)
        filler.unlink()
        trial.send()
        return trial.outcome()


def locked_file(args: argparse.Namespace, scan: bytes, folder: Path) -> Figures:
    """Let another process hold the database for ten seconds."""
    with running(with_jobs(args, scan, jobs_folder=folder), args.cores) as server:
        trial = Trial(server, scan, args.pages)
        other = sqlite3.connect(folder / "jobs.db", isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        end = time.monotonic() + 10
        seen = status(server, trial.job)["pages_done"]  # reading is not kept out
        while time.monotonic() < end:
            trial.send()
        other.execute("ROLLBACK")
        other.close()
        trial.send()
        return {**trial.outcome(), "readable_meanwhile": seen >= trial.at}


def server_gone(args: argparse.Namespace, scan: bytes, folder: Path) -> Figures:
    """Stop PostgreSQL as a crash would, and start it again after 30 seconds; two replicas."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        program = with_jobs(args, scan, jobs_database=database.url, jobs_files=folder / "files")
        server, _ = (stack.enter_context(running(program, args.cores)) for _ in range(2))
        trial = Trial(server, scan, args.pages)
        database.stop()
        end = time.monotonic() + GONE_SECONDS
        while time.monotonic() < end:
            trial.send()
            time.sleep(5)
        image = server.get("/readyz")[0]
        database.start()
        time.sleep(1)
        trial.send()
        return {**trial.outcome(), "readyz_meanwhile": image}


def clock_jump(args: argparse.Namespace, scan: bytes, folder: Path) -> Figures:
    """Let the clock of a service jump three hours ahead, and back again, while another one watches."""
    library = next((path for path in FAKETIME if Path(path).exists()), None)
    if library is None:
        raise FileNotFoundError("libfaketime is not installed")
    offset = folder / "clock"
    offset.write_text("+0")
    program = with_jobs(args, scan, jobs_folder=folder)
    faked = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    jumping = replace(program, environment={**program.environment, **faked})
    with running(jumping, args.cores) as server, running(program, args.cores) as watcher:
        trial = Trial(server, scan, args.pages)
        for seconds in (JUMP_SECONDS, -JUMP_SECONDS, 0):
            offset.write_text(f"{seconds:+d}")
            time.sleep(3)
            trial.send()
        outcome = trial.outcome()
        return {**outcome, "taken_over": sum(map(taken_over, (server, watcher)))}


def one_lease(args: argparse.Namespace, scan: bytes, folder: Path) -> Figures:
    """Stop the worker of a job for longer than its lease, and let it go on once another one has the job."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        program = with_jobs(args, scan, jobs_database=database.url, jobs_files=folder / "files")
        first, second = (stack.enter_context(running(program, args.cores)) for _ in range(2))
        trial = Trial(first, scan, args.pages)
        worker, other = (first, second) if works(first) else (second, first)
        os.kill(worker.process.pid, signal.SIGSTOP)
        time.sleep(1)
        stopped = status(other, trial.job)["pages_done"]
        wait_for(other, trial.job, lambda found: reached(found, stopped + 2))
        os.kill(worker.process.pid, signal.SIGCONT)
        return {**trial.outcome(other), "taken_over": sum(map(taken_over, (first, second)))}


FAULTS: dict[str, Callable[[argparse.Namespace, bytes, Path], Figures]] = {
    "full disk": full_disk,
    "locked file": locked_file,
    "server gone for 30 s": server_gone,
    "clock jumps 3 h ahead and back": clock_jump,
    "two workers, one lease": one_lease,
}


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[None]:
    """Mount a disk of this size while this lasts."""
    if os.geteuid():
        raise PermissionError("root alone may mount a disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def taken_over(server: Running) -> int:
    """Return how many jobs a service has taken over."""
    lines = server.get("/metrics")[1].decode().splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("ocr_jobs_taken_over_total")))


if __name__ == "__main__":
    main()
