"""What is left after `ocr batch` was killed again and again."""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bulk import MANIFEST, OCR, entries, images, linked
from benchmarks.common import print_table, write_result

CHOICES = ("--no-detect",)
"""Of what is killed: the images are words, and the fewer seconds each takes the more of them are under way."""


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


def filled(paths: Sequence[Path], count: int) -> list[Path]:
    """Return so many paths: all of them, and from the smallest file on again and again."""
    small = sorted(paths, key=lambda path: path.stat().st_size)[: max(1, len(paths) // 2)]
    return [*paths, *itertools.islice(itertools.cycle(small), max(0, count - len(paths)))][:count]
