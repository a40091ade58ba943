"""`ocr batch`: killed again and again, and its speed beside the engine's own.

    python -m benchmarks.bulk kills --data DIR --sets NAME … [--files 5000] [--broken 20] [--kills 5]
    python -m benchmarks.bulk speed --data DIR --sets NAME … --limit N --way engine|batch|shards|ray|s3 [--cores 1|2]
    python -m benchmarks.bulk projection

`kills` makes a folder of links to images of the sets and of broken files, kills the command with -9 at random and
starts it again, and looks at what is there in the end. `speed` reads images of the sets; its clock starts when a tenth
of them is read, so that loading is in no figure. Beside the pages a second stand the seconds that all processes compute
for a page, which tell more where others use the machine too, and those of the process that hands out the work. `s3` is
a bucket of moto's server on this machine. `projection` says from the speeds what more cores would do; nobody has run it
on them.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import IO, Any

import fsspec
import psutil

from benchmarks.common import (
    RESULTS,
    add_data_arguments,
    add_out_argument,
    chosen_sets,
    machine,
    on_cores,
    print_table,
    write_result,
)

OCR = (sys.executable, "-c", "from service.cli import main; main()", "batch")
CHOICES = ("--no-detect",)
"""Of what is killed: the images are words, and the fewer seconds each takes the more of them are under way."""
MANIFEST = "_ocr/manifest-{:05d}-of-{:05d}.jsonl"
OUTPUT = 4000
"""Bytes of an output that stands for those of pages: the jsonl of a receipt."""
LISTED = 2000
"""Files whose listing is timed: two answers of a store."""
WARM = 0.1
"""Share of the files that is read before the clock starts."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    kills = commands.add_parser("kills")
    add_data_arguments(kills)
    kills.add_argument("--files", type=int, default=5000)
    kills.add_argument("--broken", type=int, default=20)
    kills.add_argument("--kills", type=int, default=5)
    kills.add_argument("--seed", type=int, default=1)
    add_out_argument(kills, "bulk_kills")
    speed = commands.add_parser("speed")
    add_data_arguments(speed)
    speed.add_argument("--way", choices=("engine", "batch", "shards", "ray", "s3"), required=True)
    speed.add_argument("--cores", type=int, default=1)
    add_out_argument(speed, "bulk_speed")
    projection = commands.add_parser("projection")
    projection.add_argument("--files", type=int, default=1_000_000)
    projection.add_argument("--group", type=int, default=16, help="cores of a shard")
    projection.add_argument("--start", type=float, default=10.0, help="seconds until a shard's model is loaded")
    add_out_argument(projection, "bulk_projection")
    args = parser.parse_args()
    {"kills": measure_kills, "speed": measure_speed, "projection": project}[args.command](args)


def images(args: argparse.Namespace) -> list[Path]:
    """Return the images of the sets."""
    return sorted({each.path(row) for each in chosen_sets(args) for row in each.rows})


def filled(paths: Sequence[Path], count: int) -> list[Path]:
    """Return so many paths: all of them, and from the smallest file on again and again."""
    small = sorted(paths, key=lambda path: path.stat().st_size)[: max(1, len(paths) // 2)]
    return [*paths, *itertools.islice(itertools.cycle(small), max(0, count - len(paths)))][:count]


def linked(folder: Path, paths: Sequence[Path]) -> None:
    """Make a folder of links, in a sub-folder for every set, and for paths that come again one for every time."""
    times = Counter[Path]()
    for path in paths:
        times[path] += 1
        link = folder / f"{path.parents[1].name}-{times[path]}" / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())


def entries(target: Path, index: int = 0, count: int = 1) -> list[dict[str, Any]]:
    """Return the whole lines of a manifest."""
    path = target / MANIFEST.format(index, count)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


# What is left after kills.


def measure_kills(args: argparse.Namespace) -> None:
    """Kill the command, let it end, try the failed files again, and look at what is there."""
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "in"), Path(name, "out")
        good = filled(images(args), args.files - args.broken)
        linked(source, good)
        broken = break_files(source / "broken", good, args.broken, rng)
        runs = [killed(source, target, rng, (i + 1) / (args.kills + 1) * args.files) for i in range(args.kills)]
        begun = time.monotonic()
        last = subprocess.run([*OCR, source, target, *CHOICES], capture_output=True, text=True, check=False)
        runs.append({"entries": len(entries(target)), "seconds": time.monotonic() - begun, "exit": last.returncode})
        print(last.stdout)
        found = look(source, target, broken)
        times = {path: path.stat().st_mtime_ns for path in target.rglob("*.jsonl") if "_ocr" not in path.parts}
        again = subprocess.run(
            [*OCR, source, target, *CHOICES, "--retry-failed"], capture_output=True, text=True, check=False
        )
        print(again.stderr.splitlines()[0])
        retried = {
            "exit": again.returncode,
            "said": again.stderr.splitlines()[0],
            "outputs_touched": sum(path.stat().st_mtime_ns != at for path, at in times.items()),
            "attempts": sorted({entry["attempts"] for entry in entries(target) if entry["status"] == "failed"}),
        }
        print_table(("run", "entries", "seconds", "exit"), [(i, *run.values()) for i, run in enumerate(runs, 1)])
        print(found, retried)
    write_result(args.out, args, {"runs": runs, "found": found, "retried": retried})


def break_files(folder: Path, good: Sequence[Path], count: int, rng: random.Random) -> set[str]:
    """Write files that cannot be read; return their names."""
    folder.mkdir(parents=True)
    ways: tuple[Callable[[bytes], bytes], ...] = (
        lambda data: data[: len(data) // 2],
        lambda _: b"",
        lambda data: rng.randbytes(len(data)),
        lambda _: b"%PDF-1.7\nnothing follows",
    )
    for i in range(count):
        (folder / f"{i:02}.png").write_bytes(ways[i % len(ways)](rng.choice(good).read_bytes()))
    return {f"broken/{i:02}.png" for i in range(count)}


def killed(source: Path, target: Path, rng: random.Random, entries_before: float) -> dict[str, Any]:
    """Run until the manifest has so many lines, and a random moment more; then kill."""
    begun = time.monotonic()
    manifest = target / MANIFEST.format(0, 1)
    process = subprocess.Popen([*OCR, source, target, *CHOICES], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if manifest.exists() and manifest.read_bytes().count(b"\n") >= entries_before:
            break
        time.sleep(0.05)
    time.sleep(rng.uniform(0, 0.5))
    process.send_signal(signal.SIGKILL)
    return {"entries": len(entries(target)), "seconds": time.monotonic() - begun, "exit": process.wait()}


def look(source: Path, target: Path, broken: set[str]) -> dict[str, Any]:
    """Hold files, entries and outputs against each other."""
    names = {path.relative_to(source).as_posix() for path in source.rglob("*.*")}
    found = entries(target)
    done = {entry["name"]: entry for entry in found if entry["status"] == "done"}
    failed = {entry["name"] for entry in found if entry["status"] == "failed"}
    outputs = {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file() and "_ocr" not in path.parts
    }
    expected = {path: size for entry in done.values() for path, size in entry["outputs"].items()}
    listed = (target / "_ocr/failed-00000-of-00001.jsonl").read_bytes().splitlines()
    return {
        "files": len(names),
        "entries": len(found),
        "names_twice": len(found) - len({entry["name"] for entry in found}),
        "names_missing": len(names - {entry["name"] for entry in found}),
        "outputs": len(outputs),
        "outputs_missing": len(expected.keys() - outputs.keys()),
        "outputs_of_no_entry": len(outputs.keys() - expected.keys()),
        "outputs_of_another_size": sum(len(outputs.get(path, b"")) != size for path, size in expected.items()),
        "outputs_not_one_page": sum(
            data.count(b"\n") != 1 or json.loads(data)["page"] != 1 for data in outputs.values()
        ),
        "failed": len(failed),
        "failed_not_broken": len(failed ^ broken),
        "listed_as_failed": len({json.loads(line)["name"] for line in listed} & broken),
        "left_unfinished": sum(1 for path in (target / "_ocr").rglob("*") if "unfinished" in str(path)),
    }


# How fast.


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


# What more cores would do.


def project(args: argparse.Namespace) -> None:
    """Print what more cores would do, from what was measured on one and two; nobody has run it.

    A core reads a page in the seconds that reading and the store cost it. One process hands out the work of a shard:
    its seconds a file are the bound that more cores do not move, and the reason for shards. Every shard lists the
    bucket and loads the model before it reads.
    """
    runs = json.loads((RESULTS / "bulk_speed.json").read_text())["speeds"]

    def median(key: str, *ways: str) -> float:
        of_one_core = [run for run in runs if run["way"] in ways and run["cores"] == 1 and run.get(key) is not None]
        return statistics.median(run[key] for run in of_one_core)

    listing, own = median("list_seconds_a_thousand", "s3"), median("own_cpu_seconds_a_page", "batch", "s3")
    engine = median("cpu_seconds_a_page", "engine", "batch")  # one figure: they differ by less than two runs of one do
    page = engine + own + median("store_cpu_seconds_a_file", "s3")
    rows = []
    for cores in (1, 2, 16, 64, 256):
        for shards in sorted({1, max(1, cores // args.group)}):
            rate = min(cores / page, shards / own)
            before = args.files / 1000 * listing + args.start
            rows.append(
                {
                    "cores": cores,
                    "shards": shards,
                    "pages_a_second": round(rate, 1),
                    "share_of_engine": round(rate * engine / cores, 3),
                    "hours": round((args.files / rate + before) / 3600, 2),
                    "share_before_reading": round(before / (args.files / rate + before), 3),
                }
            )
    measured = {"engine": engine, "batch_and_store": page, "own": own, "list_a_thousand": listing}
    print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    write_result(args.out, args, {"projection": rows, "from": measured})


if __name__ == "__main__":
    main()
