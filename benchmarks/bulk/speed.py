"""How fast `ocr batch` is, in one way or the other, beside the engine in one process."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import IO

import fsspec
import psutil

from benchmarks.bulk import MANIFEST, OCR, images, linked
from benchmarks.common import machine, on_cores, print_table, write_result

OUTPUT = 4000
"""Bytes of an output that stands for those of pages: the jsonl of a receipt."""
LISTED = 2000
"""Files whose listing is timed: two answers of a store."""
WARM = 0.1
"""Share of the files that is read before the clock starts."""


def measure_speed(args: argparse.Namespace) -> None:
    """Read images in one way and add the figures to the others."""
    with tempfile.TemporaryDirectory() as name, on_cores(sorted(os.sched_getaffinity(0))[: args.cores]):
        source = Path(name, "in")
        paths = images(args)
        random.Random(0).shuffle(paths)
        linked(source, paths)
        if args.way == "engine":
            found = engine_speed(paths, args.cores)
        elif args.way == "s3":
            with bucket(source) as (environment, listing):
                found = batch_speed(args, "s3://bulk/in", "s3://bulk/out", len(paths), environment) | listing
        else:
            found = batch_speed(args, str(source), str(Path(name, "out")), len(paths), {})
    known = json.loads(args.out.read_text())["speeds"] if args.out.exists() else []
    run = {"way": args.way, "cores": args.cores, "sets": args.sets, "images": len(paths), **found}
    runs = [*known, run | {"commit": machine()["commit"]}]
    keys = ("way", "cores", "images", "pages_a_second", "cpu_seconds_a_page", "own_cpu_seconds_a_page")
    print_table(keys, [[each.get(key) for key in keys] for each in runs])
    write_result(args.out, args, {"speeds": runs})


def engine_speed(paths: Sequence[Path], cores: int) -> dict[str, float]:
    """Return what the engine does in this process, as many pages side by side as it has streams."""
    import ocr_core

    with ocr_core.load(threads=cores) as reader, ThreadPoolExecutor(cores) as pool:
        warm = int(WARM * len(paths))
        list(pool.map(reader.read, paths[:warm]))
        begun, cpu = time.monotonic(), time.process_time()
        list(pool.map(reader.read, paths[warm:]))
        return figures(len(paths) - warm, time.monotonic() - begun, time.process_time() - cpu)


def batch_speed(
    args: argparse.Namespace, source: str, target: str, files: int, environment: Mapping[str, str]
) -> dict[str, float]:
    """Return what the command does, from when a tenth is read until the last is."""
    shards = args.cores if args.way == "shards" else 1
    options = ["--ray", "local", "--processes", str(args.cores)] if args.way == "ray" else []
    threads = "1" if args.way == "ray" else str(args.cores // shards)
    started = [
        psutil.Popen(
            [*OCR, source, target, *options, "--shard", f"{i}/{shards}", "--threads", threads],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        for i in range(shards)
    ]
    counts = [Counter[str]() for _ in started]
    for process, count in zip(started, counts, strict=True):
        Thread(target=follow, args=(process.stderr, count), daemon=True).start()
    seen: list[tuple[int, float, float, float]] = []
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in started):
        manifests = [Path(target, MANIFEST.format(i, shards)) for i in range(shards)]
        lines = sum(path.read_bytes().count(b"\n") for path in manifests if path.exists())
        read = lines or sum(count["files"] for count in counts)  # of a bucket, by what is said every few seconds
        if not seen or read > seen[-1][0]:
            seen.append((read, time.monotonic(), *map(sum, zip(*map(cpu_seconds, started), strict=True))))
        time.sleep(0.05)
    if any(process.wait() for process in started):
        sys.exit("ocr batch failed")
    first = next(each for each in seen if each[0] >= WARM * files)
    read, seconds, cpu, own = (after - before for after, before in zip(seen[-1], first, strict=True))
    return figures(int(read), seconds, cpu) | {"own_cpu_seconds_a_page": round(own / read, 5)}


def figures(pages: int, seconds: float, cpu: float) -> dict[str, float]:
    """Return the speed, and what a page costs all processes together."""
    return {"pages_a_second": round(pages / seconds, 3), "cpu_seconds_a_page": round(cpu / pages, 5)}


def follow(stream: IO[bytes], count: Counter[str]) -> None:
    """Take down how many files the progress tells of."""
    for line in stream:
        found = re.match(rb"(\d+) of \d+ files, ", line)
        if found:
            count["files"] = int(found[1])


def cpu_seconds(process: psutil.Process) -> tuple[float, float]:
    """Return the seconds that a process and its children have computed, and those of the process alone."""
    total = own = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        own = times.user + times.system
        total = own + times.children_user + times.children_system
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total, own


@contextlib.contextmanager
def bucket(folder: Path) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Put a folder into a bucket of moto's server; give what finds it, and the seconds to list a thousand files."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answers(port):
            time.sleep(0.1)
        os.environ.update(environment)
        fs = fsspec.filesystem("s3")
        fs.mkdir("bulk")
        paths = [path for path in folder.rglob("*") if path.is_file()]
        for path in paths:
            fs.pipe_file(f"bulk/in/{path.relative_to(folder)}", path.read_bytes())
        fs.pipe({f"bulk/many/{i}": b"" for i in range(LISTED)})
        fs.invalidate_cache()
        begun = time.monotonic()
        fs.find("bulk/many", detail=True)
        listed = (time.monotonic() - begun) / LISTED
        found, cpu = fs.find("bulk/in"), time.process_time()
        for path in found:  # what a worker does with a file beside reading it
            fs.cat_file(path)
            fs.pipe_file(path.replace("bulk/in", "bulk/measured"), b"x" * OUTPUT)
        yield (
            environment,
            {
                "list_seconds_a_thousand": round(listed * 1000, 3),
                "store_cpu_seconds_a_file": round((time.process_time() - cpu) / len(found), 5),
            },
        )
    finally:
        server.terminate()
        server.wait()


def answers(port: int) -> bool:
    """Say whether something listens."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
