"""Mixed load for an hour: pages, single lines, hostile files, clients that break off; memory and open files throughout.

    python -m benchmarks.endurance --data DIR --sets receipts-photo documents words-svt [--minutes 60]

What counts is the slope of the memory after the first fifth of the time, beside its own uncertainty, and whether the
open files are as many in the end as in the beginning.
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.clients import Client, Post, post_of
from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_sets,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.fuzz import mutate, post_with, seeds
from benchmarks.servers import Running, Sample, running, service, watching
from benchmarks.systems import add_model_arguments
from ocr_core.scoring import CropSet

HOSTILE, GONE = 0.2, 0.1
"""Shares of the requests that are hostile, and whose client breaks off."""
SEEDS = 64


class Load:
    """Clients that send a random mix until told to stop."""

    def __init__(self, server: Running, good: Sequence[Post], originals: Sequence[bytes], seed: int) -> None:
        self._server = server
        self._good = good
        self._originals = originals
        self._seed = seed
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def run(self, clients: int, seconds: float) -> None:
        """Send for so long."""
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(clients) as pool:
            for future in [pool.submit(self._work, random.Random(f"{self._seed}/{i}"), end) for i in range(clients)]:
                future.result()

    def _work(self, rng: random.Random, end: float) -> None:
        client = Client(self._server.port)
        while time.monotonic() < end:
            kind = rng.random()
            if kind < GONE:
                self._break_off(rng.choice(self._good), rng)
                self._count("broken off")
                continue
            if kind < GONE + HOSTILE:
                post = post_with(mutate(rng.choice(self._originals), rng.choice(self._originals), rng), rng)
            else:
                post = rng.choice(self._good)
            self._count(str(client.send(post)[0].status))
        client.close()

    def _break_off(self, post: Post, rng: random.Random) -> None:
        """Send a part of a request, or all of it, and hang up without reading the answer."""
        head = f"POST {post.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(post.body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in post.headers.items()) + "\r\n"
        data = head.encode() + post.body
        with socket.create_connection(("127.0.0.1", self._server.port)) as connection:
            connection.sendall(data[: rng.choice([rng.randrange(len(data)), len(data)])])
            time.sleep(rng.random())

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1


def slope(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return the slope of the memory in MB an hour after the first fifth of the time, and its standard error.

    Neighbouring samples say nearly the same, so means of twenty equal parts are fitted instead of them all.
    """
    settled = samples[len(samples) // 5 :]
    size = max(1, len(settled) // 20)
    parts = [settled[at : at + size] for at in range(0, len(settled) - size + 1, size)]
    hours = [statistics.fmean(sample.seconds for sample in part) / 3600 for part in parts]
    memory = [statistics.fmean(sample.mb for sample in part) for part in parts]
    fit = statistics.linear_regression(hours, memory)
    residuals = [mb - fit.intercept - fit.slope * hour for hour, mb in zip(hours, memory, strict=True)]
    spread = sum((hour - statistics.fmean(hours)) ** 2 for hour in hours)
    return fit.slope, (sum(r * r for r in residuals) / (len(parts) - 2) / spread) ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    add_out_argument(parser, "endurance")
    args = parser.parse_args()
    sets = chosen_sets(args)
    paths: list[Path] = [dataset.path(row) for dataset in sets for row in dataset.rows]
    originals = seeds(random.Random(args.seed).sample(paths, min(len(paths), SEEDS)))
    with running(service(args, log_level="error"), None) as server:
        good = [
            post_of(server, dataset.path(row), query="?detect=false" if isinstance(dataset, CropSet) else "")
            for dataset in sets
            for row in dataset.rows
        ]
        before = server.descriptors()
        load = Load(server, good, originals, args.seed)
        with watching(server, period=2.0) as samples:
            load.run(args.clients, 60 * args.minutes)
        show_progress("")
        time.sleep(2.0)  # the server closes what clients have left
        after, probes = server.descriptors(), {path: server.get(path)[0] for path in ("/livez", "/readyz")}
    mb_an_hour, error = slope(samples)
    result = {
        "counts": dict(sorted(load.counts.items())),
        "mb_an_hour": mb_an_hour,
        "standard_error": error,
        "mb": {f"{share:.0%}": samples[round(share * (len(samples) - 1))].mb for share in (0, 0.2, 0.4, 0.6, 0.8, 1)},
        "peak_mb": max(sample.mb for sample in samples),
        "descriptors": [before, after],
        "probes": probes,
    }
    print_table(["", "value"], [[key, str(value)] for key, value in result.items()])
    write_result(args.out, args, result)


if __name__ == "__main__":
    main()
