"""The engine made to hang, to raise and to die under load, and the service told to stop under load.

    python -m benchmarks.faults --data DIR --sets receipts-sroie --lines words-svt

The engine that fails is a fake one in a server process of its own (`peers/faulty.py`); single lines are sent to it by
`--clients` clients who give each `--deadline` seconds. Noted are the seconds until `/livez` is red, and whether what
waited had its answer by its deadline. The service that is told to stop (SIGTERM) reads pages with the real engine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.clients import Answer, Client, Post, post_of
from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.servers import Program, Running, running, service
from benchmarks.systems import add_model_arguments
from ocr_core.scoring import read_set

FAULTY = Path(__file__).resolve().parent / "peers" / "faulty.py"
POLL_SECONDS = 0.05
WATCHED_SECONDS = 20.0
"""How long `/livez` is asked after a fault, beyond the 15 s within which it must be red."""
LATE = 1.0
"""Seconds after its deadline at which an answer counts as late."""
REFUSED = -1
"""Stands for a status where the server did not listen any more, so that nothing was accepted."""

Figures = dict[str, Any]


class Crowd:
    """Clients that send posts in a closed loop until told to stop."""

    def __init__(self, server: Running, posts: Sequence[Post], clients: int) -> None:
        self._server = server
        self._posts = posts
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._work = [self._pool.submit(self._send, i) for i in range(clients)]

    def stop(self) -> list[Answer]:
        """Return every answer, once each client has its last."""
        self._over.set()
        answers = [answer for work in self._work for answer in work.result()]
        self._pool.shutdown()
        return answers

    def _send(self, turn: int) -> list[Answer]:
        answers: list[Answer] = []
        while not self._over.is_set():
            turn += 1
            client = Client(self._server.port)  # a new one, so that whether it was let in is known
            listening = client.connect()
            answer = client.send(self._posts[turn % len(self._posts)])[0] if listening else None
            answers.append(answer or Answer(REFUSED, time.monotonic(), 0.0))
            client.close()
            if answer is None or answer.status != 200:
                time.sleep(POLL_SECONDS)
        return answers


def faulty(mood: Path, args: argparse.Namespace) -> Program:
    """Return the service whose engine does what the file `mood` says."""
    return Program(
        name="faulty",
        command=(sys.executable, str(FAULTY), str(mood), args.store, args.model, "{port}"),
        ready="/readyz",
        path="/v1/ocr",
        form_field=None,
        environment={"OCR_LOG_LEVEL": "error", "OCR_SHUTDOWN_GRACE_SECONDS": "1"},
        stop_seconds=15.0,
    )


def seconds_to_red(server: Running) -> float | None:
    """Return after how many seconds `/livez` was red, None if it stayed green."""
    begin = time.monotonic()
    while (seconds := time.monotonic() - begin) < WATCHED_SECONDS:
        if server.get("/livez")[0] == 503:
            return seconds
        time.sleep(POLL_SECONDS)
    return None


def fail(fault: str, lines: Sequence[Path], args: argparse.Namespace) -> Figures:
    """Let the engine fail while lines are read."""
    with tempfile.TemporaryDirectory() as folder:
        mood = Path(folder) / "mood"
        mood.touch()
        with running(faulty(mood, args), None) as server:
            milliseconds = round(1000 * args.deadline)
            posts = [post_of(server, line, query="?detect=false", timeout_ms=milliseconds) for line in lines]
            crowd = Crowd(server, posts, args.clients)
            time.sleep(args.seconds)
            told = time.monotonic()
            mood.write_text(fault)
            if fault == "raise":  # an engine that fails under load answers 500; only when idle is the canary asked
                time.sleep(args.seconds)
                answers = crowd.stop()
                red = seconds_to_red(server)
            else:
                red = seconds_to_red(server)
                answers = crowd.stop()
    after = [answer for answer in answers if answer.end >= told]
    return {
        "livez_red_after": red,
        "before": counted(answer for answer in answers if answer.end < told),
        "after": counted(after),
        "slowest": max(answer.seconds for answer in after),
        "late": sum(answer.seconds > args.deadline + LATE for answer in after),
    }


def stop(pages: Sequence[Path], args: argparse.Namespace) -> Figures:
    """Tell the service to stop while it reads pages."""
    with running(service(args), None) as server:
        crowd = Crowd(server, [post_of(server, page) for page in pages], args.clients)
        time.sleep(args.seconds)
        told = time.monotonic()
        server.process.terminate()
        status = server.process.wait(60)
        seconds = time.monotonic() - told
        answers = crowd.stop()
    accepted = [answer for answer in answers if answer.sent < told <= answer.end]
    return {
        "exit_status": status,
        "seconds": seconds,
        "inside_when_told": counted(accepted),
        "after": counted(answer for answer in answers if answer.sent >= told),
    }


def counted(answers: Iterable[Answer]) -> dict[int, int]:
    """Return how often each status came."""
    return dict(sorted(Counter(answer.status for answer in answers).items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--lines", metavar="SET", required=True, help="set of single lines")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load before each fault")
    parser.add_argument("--deadline", type=float, default=5.0, help="seconds that a client gives")
    parser.add_argument("--stops", type=int, default=3, help="how often the service is told to stop")
    add_out_argument(parser, "faults")
    args = parser.parse_args()
    crops = read_set(args.data / args.lines).head(args.limit)
    lines = [crops.path(row) for row in crops.rows]
    pages = [pages.path(row) for pages in chosen_pages(args) for row in pages.rows]
    result: Figures = {fault: fail(fault, lines, args) for fault in ("hang", "raise", "die")}
    result["stops"] = [stop(pages, args) for _ in range(args.stops)]
    for name, figures in result.items():
        for part in figures if isinstance(figures, list) else [figures]:
            print(f"\n{name}")
            print_table(["", "value"], [[key, str(value)] for key, value in part.items()])
    write_result(args.out, args, result)


if __name__ == "__main__":
    main()
