"""Each way in which a stranger stopped the service once, tried again over real sockets while honest receipts are read.

    python -m benchmarks.attack --data DIR --sets receipts-sroie [--at COMMIT] [--only NAME ...]

For each attack a fresh `ocr serve`: an honest receipt is timed while the service is quiet, then again and again while
the attack runs, then once it is over. Noted are the honest answers, what the attackers were told, and what the service
holds before, at its peak and afterwards: memory, threads, descriptors. On two cores and more the service has the first
and all clients the last, unless --spread binds neither. The last attack is no load: a new version of the
model is published, and files that are no images are sent until it would have proved itself. --at serves from another
commit of this repository, so that one command shows what an attack did before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.attacks import connections, files
from benchmarks.clients import Answer, Client, Post, post_of
from benchmarks.common import (
    ROOT,
    add_data_arguments,
    add_out_argument,
    chosen_pages,
    on_cores,
    parted_cores,
    print_table,
    write_result,
)
from benchmarks.servers import Program, Running, running, service, watching
from benchmarks.swap import publish
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.store import open_store

MB = 2**20
QUIET = 7
"""Receipts that are read before an attack; the median of their times is the quiet time."""
SETTLE_SECONDS = 90.0
"""After an attack: how long the service may take to let go of what it held, a little more than any deadline."""
WARM_CLIENTS = 16
TRIAL = 100
"""Requests after which a new version has proved itself."""
PROVED = "version proved by what is no image"

Figures = dict[str, Any]
Send = Callable[[int, threading.Event], str]
"""Send one hostile request to a port and return what it was told; gives up when the event is set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """Hostile requests from several clients, each again and again."""

    send: Send
    clients: int = 2
    once: bool = False
    """Each client sends one request and holds its connection, instead of the next one."""


def attacks() -> dict[str, Callable[[], Attack]]:
    """Return every attack by name; its files are made when it is chosen."""
    return {
        "progressive JPEG, 320 scans": lambda: _uploads(files.endless_jpeg(320)),
        "progressive JPEG, 32 MB of scans": lambda: _uploads(files.endless_jpeg(420_000)),
        "JPEG, 31 MB of empty segments": lambda: _uploads(files.jpeg_of_markers(31 * MB)),
        "PNG, 31 MB of empty chunks": lambda: _uploads(files.png_of_chunks(31 * MB)),
        "GIF, 31 MB of comments": lambda: _uploads(files.gif_of_comments(31 * MB)),
        "TIFF of 2,000,000 strips": lambda: _uploads(files.tiff_of_strips(2_000_000)),
        "line of 1,500 characters": lambda: _uploads(files.line_without_spaces(1500), "?detect=false"),
        "PDF of 4,500,000 unseen objects": lambda: _uploads(files.pdf_of_unseen_objects(4_500_000), "?format=pdf"),
        "200 MB for an admin's route": lambda: Attack(send=partial(_send, partial(connections.large_order, 200 * MB))),
        "128 uploads that send no byte": lambda: Attack(
            send=partial(_send, partial(connections.silent, 32 * MB)), clients=128, once=True
        ),
        "form of one field, 500,000 times": lambda: Attack(
            send=partial(_send, partial(connections.repeated_fields, 31 * MB))
        ),
        "deadline of 400 digits": lambda: Attack(
            send=partial(_send, partial(connections.absurd_deadline, 400, files.line_without_spaces(5))), clients=1
        ),
    }


def _send(chunks: Callable[[], Iterator[bytes]], port: int, over: threading.Event) -> str:
    return connections.answer_to(port, chunks(), over)


def _uploads(image: bytes, query: str = "") -> Attack:
    return Attack(send=partial(_send, partial(connections.upload, image, query)))


@contextmanager
def tree(args: argparse.Namespace) -> Iterator[Path | None]:
    """Give the folder to serve from: that of the commit that the arguments name, or None for this one."""
    if args.at is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", place, args.at], cwd=ROOT, check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", place], cwd=ROOT, check=True)


def program(args: argparse.Namespace, place: Path | None, **settings: object) -> Program:
    """Return the service of this tree, or of the one in `place`."""
    ours = service(args, log_level="error", **settings)
    if place is None:
        return ours
    code = f"import sys; sys.path.insert(0, {str(place)!r}); from service.cli import main; main()"
    return replace(ours, name=str(args.at), command=(sys.executable, "-c", code, *ours.command[1:]))


def threads(server: Running) -> int:
    """Return how many threads the service has. Linux only."""
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


def holds(server: Running) -> Figures:
    """Return what the service holds now."""
    return {"mb": round(server.rss()[0]), "threads": threads(server), "descriptors": server.descriptors()}


def read(server: Running, receipt: Post) -> Answer:
    """Read an honest receipt by a client of its own."""
    client = Client(server.port)
    try:
        return client.send(receipt)[0]
    finally:
        client.close()


def warm(server: Running, receipt: Post) -> None:
    """Let the service make the threads and the memory that many clients at a time need."""
    crowd = [threading.Thread(target=read, args=(server, receipt)) for _ in range(WARM_CLIENTS)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()


def under(attack: Attack, server: Running, receipt: Post, seconds: float) -> tuple[list[Answer], Counter[str]]:
    """Read receipts one after the other while the attack runs; return their answers, and those of the attackers."""
    over = threading.Event()
    told: Counter[str] = Counter()
    lock = threading.Lock()

    def work() -> None:
        while not over.is_set():
            try:
                status = attack.send(server.port, over)
            except OSError:
                status = "refused"
            with lock:
                told[status] += 1
            if attack.once:
                over.wait()

    crowd = [threading.Thread(target=work, daemon=True) for _ in range(attack.clients)]
    for thread in crowd:
        thread.start()
    time.sleep(1.0)  # until the attack is under way
    answers = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or not answers:
        answers.append(read(server, receipt))
    over.set()
    for thread in crowd:
        thread.join(connections.TIMEOUT)
    return answers, told


def settled(server: Running, before: Figures) -> Figures:
    """Wait until no more threads and descriptors are held than before; return what is held then, and the seconds."""
    begin = time.monotonic()
    while time.monotonic() - begin < SETTLE_SECONDS:
        now = holds(server)
        if now["descriptors"] <= before["descriptors"] and now["threads"] <= before["threads"]:
            break
        time.sleep(0.2)
    return {**holds(server), "seconds": round(time.monotonic() - begin, 1)}


def measure(attack: Attack, server: Running, receipt: Post, seconds: float) -> Figures:
    """Attack a service and return what became of it and of the honest."""
    warm(server, receipt)
    quiet = [read(server, receipt) for _ in range(QUIET)]
    before = holds(server)
    with watching(server, period=0.1) as samples:
        answers, told = under(attack, server, receipt, seconds)
        alive = server.get("/livez")[0]
    after = settled(server, before)
    usual = statistics.median(answer.seconds for answer in quiet)
    return {
        "quiet_seconds": usual,
        "honest_median": statistics.median(answer.seconds for answer in answers) / usual,
        "honest_worst": max(answer.seconds for answer in answers) / usual,
        "honest_statuses": dict(Counter(answer.status for answer in answers)),
        "attackers_were_told": dict(told),
        "livez": alive,
        "before": before,
        "peak_mb_more": round(max(sample.mb for sample in samples) - before["mb"]),
        "after": after,
        "last": read(server, receipt).status,
    }


def suffer(name: str, image: Path, args: argparse.Namespace, place: Path | None) -> Figures:
    """Start a service and attack it."""
    attack = attacks()[name]()
    cores, others = (None, None) if args.spread else parted_cores()
    with on_cores(others), running(program(args, place), cores) as server:
        return measure(attack, server, post_of(server, image, timeout_ms=60_000), args.seconds)


def try_version(args: argparse.Namespace, place: Path | None) -> Figures:
    """Publish a version, send files that are no images, and return what is then held of it: it has read nothing."""
    garbage = Post("/v1/ocr", b"no image", {"Content-Type": "image/png"})
    with tempfile.TemporaryDirectory() as folder:
        store, bundle = open_store(folder), open_store(args.store).open(args.model)
        publish(store, bundle, "1")
        with running(program(args, place, model_store=folder, model_poll_seconds=0.2), None) as server:
            publish(store, bundle, "2")
            end = time.monotonic() + SETTLE_SECONDS
            while states(server).get("2") is None and time.monotonic() < end:
                time.sleep(0.2)
            told = Counter(read(server, garbage).status for _ in range(TRIAL + 10))
            return {"attackers_were_told": dict(told), "version 2 is": states(server).get("2")}


def states(server: Running) -> dict[str, str]:
    """Return the state of each version that the service has loaded."""
    return {model["version"]: model["state"] for model in json.loads(server.get("/v1/models")[1])["models"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--at", metavar="COMMIT", help="serve from this commit instead of the tree as it is")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="attacks whose names begin so")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each attack")
    parser.add_argument("--spread", action="store_true", help="bind neither service nor clients to a core")
    add_out_argument(parser, "attack")
    args = parser.parse_args()
    image = next(pages.path(row) for pages in chosen_pages(args) for row in pages.rows)
    result: dict[str, Figures] = {}
    chosen = [name for name in (*attacks(), PROVED) if not args.only or name.startswith(tuple(args.only))]
    with tree(args) as place:
        for name in chosen:
            result[name] = try_version(args, place) if name == PROVED else suffer(name, image, args, place)
            print(f"\n{name}")
            print_table(["", "value"], [[key, str(value)] for key, value in result[name].items()])
            sys.stdout.flush()
            write_result(args.out, args, {"served": args.at or "this tree", "attacks": result})


if __name__ == "__main__":
    main()
