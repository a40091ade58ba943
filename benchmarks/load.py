"""How the service bears load: throughput, latency and memory, beside RapidOCR's API server; overload; fairness.

    python -m benchmarks.load --data DIR --sets receipts-sroie [--peer-python PYTHON] [--lines words-svt]

Server and clients are processes of their own; on two cores and more the server has the first and the clients the last.
Closed loop: 1 to 64 clients, each of which sends its next image when the last was answered, beside the same engine on
the same core without a server around it. Open loop: --factor times what the closed loop reached, sent without waiting.
Fairness: single lines by one client alone, then while the most clients keep the service busy with pages of 300 lines.
With --leavers 20000, before and after so many single lines of which 5 % leave early: how many lines overtake one page,
beside how many could before each client had as much of the networks as the page takes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.clients import PATIENCE, Client, Post, closed_loop, open_loop, post_of, quantile, some_leave, summary
from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_pages,
    on_cores,
    parted_cores,
    print_table,
    write_result,
)
from benchmarks.drawn import long_page
from benchmarks.servers import Program, Running, rapidocr_api, running, service, watching
from benchmarks.systems import add_engine_arguments, engine
from ocr_core.scoring import read_set

Figures = dict[str, Any]

LONG = 300
"""Lines of the pages that keep the service busy while single lines are timed."""
LINE_CLIENTS = 4
"""Clients that send single lines one after the other while a page is overtaken."""
OVERTAKEN = 5
"""Pages that are overtaken, one after the other."""
LEAVING = 0.05
"""Part of the clients that hang up before they are answered."""
PEER_MB = 12_000.0
"""Memory at which a peer is ended, so that it does not take the machine with it."""
PEER_PATIENCE = 5.0
"""Seconds after a measurement of a peer that its clients wait for what will not count any more."""


def in_process(args: argparse.Namespace, images: Sequence[Path], cores: Sequence[int] | None) -> float:
    """Return the images a second that the engine reads without a server, one after the other."""
    with closing(engine(args).start(threads=1 if cores else 0, cores=cores)) as worker:
        for image in images:
            worker.read(image)
        seconds = 0.0
        for count, image in enumerate(itertools.cycle(images)):
            if seconds >= args.seconds and count % len(images) == 0:
                return count / seconds
            seconds += worker.read(image).seconds
    raise AssertionError


def measure_closed(
    server: Running,
    posts: Sequence[Post],
    clients_of: Sequence[int],
    args: argparse.Namespace,
    *,
    limit_mb: float = 0.0,
    patience: float = PATIENCE,
) -> list[Figures]:
    """Measure each number of clients, after a time of load that is not counted."""
    closed_loop(server.port, posts, 2, args.warm_up)
    rows = []
    for clients in clients_of:
        with watching(server, limit_mb=limit_mb) as samples:
            answers = closed_loop(server.port, posts, clients, args.seconds, patience)
        memory = [sample.mb for sample in samples]
        row = {"clients": clients, **summary(answers, args.seconds), "rss_mb": memory[-1], "peak_mb": max(memory)}
        rows.append(row)
    return rows


def measure_open(server: Running, posts: Sequence[Post], rate: float, args: argparse.Namespace) -> Figures:
    """Send more than can be served, whether or not it is answered."""
    with watching(server) as samples:
        answers = open_loop(server.port, posts, rate, args.seconds)
    refused = sorted(answer.seconds for answer in answers if answer.status == 429)
    memory = [sample.mb for sample in samples]
    return {
        "rate": rate,
        **summary(answers, args.seconds),
        "answered_late": sum(answer.seconds > args.deadline + 1.0 for answer in answers),
        "refused_p99": quantile(refused, 0.99),
        "peak_mb_first_half": max(memory[: len(memory) // 2 + 1]),
        "peak_mb_second_half": max(memory[len(memory) // 2 :]),
        "livez": server.get("/livez")[0],
    }


def measure_fairness(server: Running, lines: Sequence[Post], args: argparse.Namespace) -> Figures:
    """Send single lines to an idle service, then to one that is busy with long pages, and a page beside them."""
    page = Post("/v1/ocr", long_page(LONG), {"Content-Type": "image/png", "X-Request-Timeout-Ms": "60000"})
    read_alone(server, page)
    answer = read_alone(server, page)
    closed_loop(server.port, lines, 1, args.warm_up)
    idle = closed_loop(server.port, lines, 1, args.seconds)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(closed_loop, server.port, [page], max(args.clients), args.seconds + args.warm_up)
        time.sleep(args.warm_up)  # until pages fill the queue
        busy = closed_loop(server.port, lines, 1, args.seconds)
        pages = load.result()
    overtaking: Figures = {}
    if args.leavers:
        singly = [in_networks(read_alone(server, line)) for line in lines]
        fair = (1 + LINE_CLIENTS) * in_networks(answer) / statistics.mean(singly)
        before = overtakers(server, page, lines, args)
        became = some_leave(server.port, lines, LINE_CLIENTS, args.leavers, LEAVING)
        after = overtakers(server, page, lines, args)
        overtaking = {"before": before, "between": dict(became), "after": after, "fair": round(fair)}
    return {
        "overtakers": overtaking,
        "page": {"lines": len(answer["pages"][0]["lines"]), "timings_ms": answer["timings_ms"]},
        "idle": summary(idle, args.seconds),
        "busy": summary(busy, args.seconds),
        "pages": summary(pages, args.seconds + args.warm_up),
    }


def read_alone(server: Running, post: Post) -> Figures:
    """Return the answer to one request of a client of its own."""
    with closing(Client(server.port)) as client:
        answer: Figures = json.loads(client.send(post)[2])
        return answer


def in_networks(answer: Figures) -> float:
    """Return the milliseconds that a request alone was in the networks: what it costs by the order of service."""
    return sum(answer["timings_ms"].get(stage, 0.0) for stage in ("det", "cls", "rec"))


def overtakers(server: Running, page: Post, lines: Sequence[Post], args: argparse.Namespace) -> list[int]:
    """Return for each of some pages how many single lines were sent after it and answered before it.

    Beside the pages, one after the other, some clients send nothing but lines.
    """
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool, closing(Client(server.port)) as client:
        load = pool.submit(closed_loop, server.port, lines, LINE_CLIENTS, math.inf, over=over)
        try:
            time.sleep(args.warm_up)
            pages = [client.send(page)[0] for _ in range(OVERTAKEN)]
        finally:
            over.set()
        answers = [line for line in load.result() if line.status == 200]
    return [sum(one.sent < line.sent and line.end < one.end for line in answers) for one in pages]


def measure_service(args: argparse.Namespace, images: Sequence[Path], cores: Sequence[int] | None) -> Figures:
    """Measure the service of this repository in every way that the arguments ask for."""
    result: Figures = {"in_process": in_process(args, images, cores)}
    with running(service(args), cores) as server:
        patient = [post_of(server, image, timeout_ms=60_000) for image in images]
        result["closed"] = measure_closed(server, patient, args.clients, args)
        capacity = max(row["requests_per_second"] for row in result["closed"])
        if args.factor:
            posts = [post_of(server, image, timeout_ms=round(1000 * args.deadline)) for image in images]
            result["open"] = measure_open(server, posts, args.factor * capacity, args)
        if args.lines:
            crops = read_set(args.data / args.lines).head(args.limit)
            lines = [post_of(server, crops.path(row), query="?detect=false") for row in crops.rows]
            result["fair"] = measure_fairness(server, lines, args)
    result["in_process_after"] = in_process(args, images, cores)
    result["share_of_in_process"] = 2 * capacity / (result["in_process"] + result["in_process_after"])
    return result


def measure_peer(
    program: Program, args: argparse.Namespace, images: Sequence[Path], cores: Sequence[int] | None
) -> Figures:
    """Measure a peer in the closed loop, started anew for each number of clients: what it took on it never ends."""
    rows = []
    for clients in args.clients:
        with running(program, cores) as server:
            posts = [post_of(server, image) for image in images]
            patience = args.seconds + PEER_PATIENCE
            rows += measure_closed(server, posts, [clients], args, limit_mb=PEER_MB, patience=patience)
    return {"closed": rows}


def print_figures(figures: dict[str, Figures]) -> None:
    """Print what was measured."""
    header = ["closed loop", "clients", "requests/s", "p50 s", "p90 s", "p99 s", "RSS MB", "peak MB", "statuses"]
    rows = [
        [
            name,
            *(
                row[key]
                for key in ("clients", "requests_per_second", "p50", "p90", "p99", "rss_mb", "peak_mb", "statuses")
            ),
        ]
        for name, result in figures.items()
        for row in result["closed"]
    ]
    print_table(header, rows)
    ours = figures["service"]
    print(
        f"\nin process {ours['in_process']:.3f} and {ours['in_process_after']:.3f} images/s: the service reaches "
        f"{100 * ours['share_of_in_process']:.1f} % of it"
    )
    for name in ("open", "fair"):
        if name in ours:
            print(f"\n{name}")
            print_table(["", "value"], [[key, str(value)] for key, value in ours[name].items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds of load before measurements")
    parser.add_argument("--factor", type=float, default=10.0, help="open loop: times the capacity; 0 leaves it out")
    parser.add_argument("--deadline", type=float, default=10.0, help="open loop: seconds that a client gives")
    parser.add_argument("--lines", metavar="SET", help="set of single lines for fairness, by default left out")
    parser.add_argument("--leavers", type=int, default=0, help="fairness: lines of which a part leave early")
    parser.add_argument("--peer-python", metavar="PYTHON", help="interpreter of the environment of rapidocr_api")
    parser.add_argument("--spread", action="store_true", help="bind neither server nor clients to a core")
    add_out_argument(parser, "load")
    args = parser.parse_args()
    images = [pages.path(row) for pages in chosen_pages(args) for row in pages.rows]
    server, client = (None, None) if args.spread else parted_cores()
    with on_cores(client):
        figures = {"service": measure_service(args, images, server)}
        if args.peer_python:
            figures["rapidocr_api"] = measure_peer(rapidocr_api(args.peer_python), args, images, server)
    print_figures(figures)
    write_result(args.out, args, figures)


if __name__ == "__main__":
    main()
