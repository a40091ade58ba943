"""Jobs: killed and resumed, cancelled, taken over by another replica, and what they cost those who wait beside them.

    python -m benchmarks.jobs --data DIR [--sets NAME …] [--what restarts replicas interactive] [--pages 300]

The document is a scan of the images of the sets, as in `benchmarks.documents`. `restarts`: a job whose service is
killed with -9 three times on the way; its pages are held against those of one request, by number and by the hash
of their lines; then another is cancelled, and the processor time of the service is looked at until it stops rising.
`replicas`: two services with one PostgreSQL; the one that works on the job is killed. `interactive`: one client sends
images one after the other, first alone, then beside a job.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.clients import Post, closed_loop, quantile
from benchmarks.common import add_data_arguments, add_out_argument, print_table, show_progress, write_result
from benchmarks.documents import answer_to, jpegs, post, scanned
from benchmarks.postgres import postgres
from benchmarks.servers import Program, Running, running, service
from benchmarks.systems import add_model_arguments

KILLS = 3
POLL = 0.05
PATIENCE = 1800.0
IDLE = 0.1
"""Processor seconds in a second below which a service is taken for idle."""

Figures = dict[str, Any]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--what", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each half of `interactive`")
    parser.add_argument("--cores", type=int, nargs="+", help="of each service; by default all")
    add_out_argument(parser, "jobs")
    args = parser.parse_args()
    images = jpegs(args)
    result: Figures = {}
    for name in args.what:
        show_progress(name)
        with tempfile.TemporaryDirectory() as folder:
            result[name] = MEASURES[name](args, images, Path(folder))
    for name, figures in result.items():
        shown = {key: value for key, value in figures.items() if not isinstance(value, (list, dict))}
        print_table((name, *shown), [("", *shown.values())])
    write_result(args.out, args, result)


def measure_restarts(args: argparse.Namespace, images: Sequence[bytes], folder: Path) -> Figures:
    """Kill a service three times while it works on a job; then see how soon a job that is cancelled stops."""
    scan = scanned(list(itertools.islice(itertools.cycle(images), args.pages)))
    program = with_jobs(args, scan, jobs_folder=folder)
    with running(program, args.cores) as server:
        begun = time.monotonic()
        wanted = [hash_of(json.loads(line)) for line in answer_to(post(server, scan, PDF, NDJSON))][:-1]
        alone = time.monotonic() - begun
        begun = time.monotonic()
        job = submit(server, scan)
    killed = []
    for turn in range(1, KILLS + 1):
        with running(program, args.cores) as server:
            wait_for(server, job, lambda found, turn=turn: reached(found, turn * args.pages // (KILLS + 1)))
            killed.append(status(server, job)["pages_done"])
            server.process.kill()
            server.process.wait()
    with running(program, args.cores) as server:
        ended = wait_for(server, job, has_ended)
        seconds = time.monotonic() - begun
        found = [hash_of(page) for page in result_of(server, job)]
        other = submit(server, scan)
        wait_for(server, other, lambda found: reached(found, 5))
        stop = seconds_until_idle(server, other)
    return {
        "pages": args.pages,
        "state": ended["state"],
        "killed_at": str(killed),
        "pages_done": ended["pages_done"],
        "in_order_and_equal": found == wanted,
        "seconds": seconds,
        "request_seconds": alone,
        "cancelled_within": stop,
    }


def measure_replicas(args: argparse.Namespace, images: Sequence[bytes], folder: Path) -> Figures:
    """Kill the one of two services that works on a job."""
    scan = scanned(list(itertools.islice(itertools.cycle(images), args.pages)))
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        program = with_jobs(args, scan, jobs_database=database.url, jobs_files=folder / "files")
        first, second = (stack.enter_context(running(program, args.cores)) for _ in range(2))
        wanted = [hash_of(json.loads(line)) for line in answer_to(post(first, scan, PDF, NDJSON))][:-1]
        job = submit(first, scan)
        wait_for(first, job, lambda found: reached(found, args.pages // 4))
        worker, other = (first, second) if works(first) else (second, first)
        at = status(other, job)["pages_done"]
        killed = time.monotonic()
        worker.process.kill()
        worker.process.wait()
        wait_for(other, job, lambda found: reached(found, at + 5))
        resumed = time.monotonic() - killed
        ended = wait_for(other, job, has_ended)
        found = [hash_of(page) for page in result_of(other, job)]
    return {
        "pages": args.pages,
        "state": ended["state"],
        "killed_at": at,
        "next_pages_after": resumed,
        "pages_done": ended["pages_done"],
        "in_order_and_equal": found == wanted,
    }


def measure_interactive(args: argparse.Namespace, images: Sequence[bytes], folder: Path) -> Figures:
    """Send images one after the other, without and with a job beside them."""
    scan = scanned(list(itertools.islice(itertools.cycle(images), args.pages)))
    posts = [Post("/v1/ocr", image, {"Content-Type": "image/jpeg"}) for image in images]
    figures: Figures = {}
    with running(with_jobs(args, scan, jobs_folder=folder), args.cores) as server:
        closed_loop(server.port, posts, 1, 5.0)
        for name in ("quiet", "beside"):
            job = submit(server, scan) if name == "beside" else None
            if job:
                wait_for(server, job, lambda found: reached(found, 3))
            before = status(server, job)["pages_done"] if job else 0
            answers = closed_loop(server.port, posts, 1, args.seconds)
            pages = status(server, job)["pages_done"] - before if job else 0
            if job and status(server, job)["state"] != "running":
                raise RuntimeError("the job has ended before the measurement; give it more --pages")
            seconds = sorted(answer.seconds for answer in answers)
            figures |= {f"{name}_{share}": 1000 * quantile(seconds, share / 100) for share in (50, 90, 99)}
            figures |= {f"{name}_answers": len(answers), f"{name}_failed": sum(a.status != 200 for a in answers)}
        figures |= {"job_pages_a_second": pages / args.seconds, "p99_ratio": figures["beside_99"] / figures["quiet_99"]}
    return figures


MEASURES: dict[str, Callable[[argparse.Namespace, Sequence[bytes], Path], Figures]] = {
    "restarts": measure_restarts,
    "replicas": measure_replicas,
    "interactive": measure_interactive,
}

PDF = "application/pdf"
NDJSON = "application/x-ndjson"


def with_jobs(args: argparse.Namespace, scan: bytes, **settings: object) -> Program:
    """Return a service that takes a scan of this size."""
    room = {"payload_limit": len(scan) + (1 << 20), "max_memory": 4 * len(scan) + (2 << 30)}
    return service(args, **room, document_timeout_seconds=PATIENCE, **settings)


def submit(server: Running, body: bytes, kind: str = PDF, **headers: str) -> str:
    """Have a body read by a job; return its id."""
    request = urllib.request.Request(f"{server.url}/v1/jobs", body, {"Content-Type": kind, **headers})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["id"])


def status(server: Running, job: str) -> Figures:
    """Return what is known of a job."""
    code, body = server.get(f"/v1/jobs/{job}")
    if code != 200:
        raise RuntimeError(f"{code}: {body!r}")
    return dict(json.loads(body))


def wait_for(server: Running, job: str, condition: Callable[[Figures], bool]) -> Figures:
    """Return a job once a condition holds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition(found := status(server, job)):
            return found
        time.sleep(POLL)
    raise TimeoutError(f"the job is {found['state']} at page {found['pages_done']}")


def has_ended(found: Figures) -> bool:
    return found["state"] not in ("queued", "running")


def reached(found: Figures, pages: int) -> bool:
    if has_ended(found):
        raise RuntimeError(f"the job has ended: {found['state']}, {found['error']}")
    return bool(found["pages_done"] >= pages)


def result_of(server: Running, job: str) -> list[Figures]:
    """Return the pages of a job, in the order in which they come."""
    return list(json.loads(server.get(f"/v1/jobs/{job}/result?format=json")[1])["pages"])


def hash_of(page: Figures) -> str:
    """Return what tells one page from another: its number and its lines, with their places and confidences."""
    return hashlib.sha256(json.dumps([page.get("page"), page.get("lines")]).encode()).hexdigest()


def works(server: Running) -> bool:
    """Tell whether a service has read pages of jobs."""
    metrics = server.get("/metrics")[1].decode().splitlines()
    return any(line.startswith('ocr_job_pages_total{result="read"}') and float(line.split()[-1]) for line in metrics)


def seconds_until_idle(server: Running, job: str) -> float:
    """Cancel a job and return after how many seconds the service had stopped to compute."""
    begun = time.monotonic()
    request = urllib.request.Request(f"{server.url}/v1/jobs/{job}", method="DELETE")
    with urllib.request.urlopen(request, timeout=60):
        pass
    last = begun
    used = cpu_seconds(server)
    while time.monotonic() - last < 1.0:
        time.sleep(POLL)
        now, spent = time.monotonic(), cpu_seconds(server)
        if spent - used > IDLE * POLL:
            last, used = now, spent
    return last - begun


def cpu_seconds(server: Running) -> float:
    """Return the processor time that a service has taken, with the processes that it has ended."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / 100


if __name__ == "__main__":
    main()
