"""How fast: the engine beside RapidOCR and Tesseract, page by page in turn.

    python -m benchmarks.pipeline [--data DIR --sets receipts-sroie documents] --peer-python PYTHON [--seconds 60]

Every system runs in a process of its own. For each page each of them is asked once, in an order that rotates, so that a
machine that slows down slows all of them; pages are taken from the sets in turn, until `--seconds` are over. With
--cores 1 all are bound to the same single core and use one thread; with --cores all each has the whole machine and
picks its threads itself. Times run from opening the file to the lines. Without --data pages are drawn.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_pages,
    cpu_model,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.drawn import draw_set
from benchmarks.systems import PEERS, Reading, ReadingFailedError, System, Worker, engine_of, peer
from ocr_core.cpu import available_cores
from ocr_core.scoring import PageRow, PageScorer, PageSet

FLUSHED = "rapidocr-flushed"
"""RapidOCR with denormal numbers flushed to zero, which few of its users know of."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One page, read once by every system."""

    dataset: str
    image: str
    readings: tuple[Reading, ...]


def in_turn(sets: Sequence[PageSet]) -> Iterator[tuple[PageSet, PageRow]]:
    """Give the first page of each set, then the second of each, and so on."""
    columns = ([(pages, row) for row in pages.rows] for pages in sets)
    for row in itertools.zip_longest(*columns):
        yield from (page for page in row if page is not None)


def take_samples(workers: Sequence[Worker], sets: Sequence[PageSet], seconds: float | None) -> list[Sample]:
    """Read pages with every worker, in turn, while there is time; one on which a worker fails is left out for all."""
    for pages, worker in itertools.product(sets, workers):  # what a system does once for a first page is not its speed
        worker.read(pages.path(pages.rows[0]))
    samples = []
    end = time.monotonic() + (seconds or float("inf"))
    for number, (pages, row) in enumerate(in_turn(sets)):
        if time.monotonic() > end:
            break
        show_progress(f"page {number + 1}")
        first = number // len(sets) % len(workers)
        order = [*range(first, len(workers)), *range(first)]
        try:
            readings = {i: workers[i].read(pages.path(row)) for i in order}
        except ReadingFailedError as error:
            print(f"left out: {row.image}: {error}")
            continue
        samples.append(Sample(pages.name, row.image, tuple(readings[i] for i in range(len(workers)))))
    show_progress("")
    return samples


def print_speeds(names: Sequence[str], peers: Sequence[str], samples: Sequence[Sample]) -> dict[str, Any]:
    """Print and return seconds a page by set, and how many times as fast as each peer an engine is, by total time."""
    rows: list[list[object]] = []
    columns_of_times: list[dict[str, float]] = []
    speeds: dict[str, Any] = {}
    pairs = [(one, other) for one in names if one not in peers for other in peers]
    for name in [*sorted({sample.dataset for sample in samples}), "all"]:
        chosen = [sample for sample in samples if name in (sample.dataset, "all")]
        columns = dict(zip(names, zip(*(sample.readings for sample in chosen), strict=True), strict=True))
        seconds = {system: [reading.seconds for reading in column] for system, column in columns.items()}
        times = {f"{other} : {one}": sum(seconds[other]) / sum(seconds[one]) for one, other in pairs}
        rows.append([name, len(chosen), *(statistics.fmean(seconds[system]) for system in names)])
        columns_of_times.append(times)
        speeds[name] = {
            "pages": len(chosen),
            "mean_seconds": {system: statistics.fmean(values) for system, values in seconds.items()},
            "median_seconds": {system: statistics.median(values) for system, values in seconds.items()},
            "times": times,
        }
    print_table(["mean s/page", "pages", *names], rows)
    if pairs:
        print()
        table = [[pair, *(f"{times[pair]:.2f}" for times in columns_of_times)] for pair in columns_of_times[0]]
        print_table(["times as fast", *speeds], table)
    return speeds


def print_systems(
    workers: Sequence[Worker], samples: Sequence[Sample], sets: Sequence[PageSet], *, one_thread: bool
) -> dict[str, Any]:
    """Print and return, for each system: pages a second, decoding, what is outside networks, memory, word F1."""
    rows = []
    systems: dict[str, Any] = {}
    for i, worker in enumerate(workers):
        readings = [sample.readings[i] for sample in samples]
        stages = _milliseconds(readings)
        # The time in networks is summed over threads: of several the rest would come out too small.
        outside = _outside(stages) if one_thread else None
        speed, word_f1, (now, peak) = 1000 / stages["total"], _word_f1(i, samples, sets), worker.memory()
        systems[worker.name] = {
            "versions": worker.versions,
            "pages_per_second": speed,
            "milliseconds_outside": outside,
            "rss_mb": now,
            "peak_rss_mb": peak,
            "word_f1": word_f1,
            "milliseconds": stages,
        }
        share = None if outside is None else f"{100 * outside / (stages['total'] - stages.get('decode', 0)):.1f} %"
        decoding = stages.get("decode")
        rows.append([worker.name, speed, decoding, outside, share, round(now), round(peak), f"{100 * word_f1:.1f} %"])
    head = ["system", "pages/s", "decoding ms", "outside networks ms", "of the rest", "RSS MB", "peak MB", "word F1"]
    print_table(head, rows)
    return systems


def print_stages(systems: dict[str, Any]) -> None:
    """Print the mean milliseconds of each stage; what a stage holds differs between systems."""
    stages = list(dict.fromkeys(stage for figures in systems.values() for stage in figures["milliseconds"]))
    rows = [
        [name, *(f"{ms[stage]:.1f}" if stage in ms else None for stage in stages)]
        for name, ms in ((name, figures["milliseconds"]) for name, figures in systems.items())
    ]
    print_table(["ms a page", *stages], rows)


def _milliseconds(readings: Sequence[Reading]) -> dict[str, float]:
    stages = dict.fromkeys(stage for reading in readings for stage in reading.stages)
    return {
        "total": 1000 * statistics.fmean(reading.seconds for reading in readings),
        **{stage: 1000 * statistics.fmean(r.stages.get(stage, 0.0) for r in readings) for stage in stages},
    }


def _outside(stages: dict[str, float]) -> float | None:
    """Return what is neither decoding nor networks."""
    return stages["total"] - stages["networks"] - stages.get("decode", 0.0) if "networks" in stages else None


def _word_f1(system: int, samples: Iterable[Sample], sets: Iterable[PageSet]) -> float:
    labels = {(pages.name, row.image): row.lines for pages in sets for row in pages.rows}
    scorer = PageScorer(by_line=False)
    for sample in samples:
        scorer.add(labels[sample.dataset, sample.image], sample.readings[system].lines)
    return scorer.figures()["word_f1"]


def run(
    engines: Sequence[System],
    peers: Sequence[System],
    sets: Sequence[PageSet],
    *,
    one_core: bool,
    seconds: float | None,
) -> dict[str, Any]:
    """Measure in one mode."""
    threads, cores = (1, [max(os.sched_getaffinity(0))]) if one_core else (0, None)
    print(f"\n== {cpu_model()}: {'one core, one thread' if one_core else f'all {available_cores()} cores'} ==")
    with ExitStack() as stack:
        systems = [*engines, *peers]
        workers = [stack.enter_context(closing(system.start(threads=threads, cores=cores))) for system in systems]
        samples = take_samples(workers, sets, seconds)
        speeds = print_speeds([worker.name for worker in workers], [system.name for system in peers], samples)
        print()
        by_system = print_systems(workers, samples, sets, one_thread=one_core)
        print()
        print_stages(by_system)
    return {"speeds": speeds, "systems": by_system, "samples": [_brief(sample) for sample in samples]}


def _brief(sample: Sample) -> dict[str, Any]:
    return {
        "set": sample.dataset,
        "image": sample.image,
        "seconds": [round(reading.seconds, 5) for reading in sample.readings],
        "lines": [len(reading.lines) for reading in sample.readings],
    }


def chosen_peers(names: Sequence[str], python: str | None) -> list[System]:
    """Return the peers that are there: Tesseract is left out, and that is said, where it is not installed."""
    if "tesseract" in names and shutil.which("tesseract") is None:
        print("tesseract is not installed, and left out")
        names = [name for name in names if name != "tesseract"]
    return [peer("rapidocr", python, flush_denormals=True) if name == FLUSHED else peer(name, python) for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser, required=False)
    parser.add_argument("--store", default="models", help="model store, a folder or URL; default ./models")
    parser.add_argument("--engines", nargs="+", default=["ppocrv2-en:auto"], metavar="MODEL:PRECISION")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--peers", nargs="*", default=["rapidocr", "tesseract"], choices=(*PEERS, FLUSHED))
    parser.add_argument("--peer-python", metavar="PYTHON", help="interpreter of the environment that holds RapidOCR")
    parser.add_argument("--cores", nargs="+", default=["1", "all"], choices=("1", "all"))
    parser.add_argument("--seconds", type=float, help="begin no further page after so many, in each mode")
    add_out_argument(parser, "pipeline")
    args = parser.parse_args()
    pairs = [name.rpartition(":") for name in args.engines]
    engines = [engine_of(model, precision, store=args.store, backend=args.backend) for model, _, precision in pairs]
    peers = chosen_peers(args.peers, args.peer_python)
    with tempfile.TemporaryDirectory() as folder:
        sets = chosen_pages(args) if args.data else [draw_set(Path(folder) / "drawn", args.limit or 12)]
        modes = {
            f"cores_{cores}": run(engines, peers, sets, one_core=cores == "1", seconds=args.seconds)
            for cores in args.cores
        }
    write_result(args.out, args, modes)


if __name__ == "__main__":
    main()
