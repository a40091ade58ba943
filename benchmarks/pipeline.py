"""How fast: the engine beside RapidOCR with the same weights, image by image in turn.

    python -m benchmarks.pipeline --data DIR --sets receipts-sroie documents forms --peer-python PYTHON

Every system runs in a process of its own: the engine, RapidOCR as it comes, and RapidOCR with denormals flushed. For
each image each of them is asked once, in an order that rotates, so that a machine that slows down slows all of them.
With --cores 1 all are bound to the same single core and use one thread; with --cores all each has the whole machine and
picks its threads itself. Times run from opening the file to the lines, decoding included.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_pages,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.systems import Reading, ReadingFailedError, System, Worker, add_engine_arguments, engine, peer
from ocr_core.scoring import PageScorer, PageSet


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, read once by every system."""

    dataset: str
    image: str
    readings: tuple[Reading, ...]


def take_samples(workers: Sequence[Worker], sets: Sequence[PageSet]) -> list[Sample]:
    """Read every page with every worker, in turn; a page on which one fails is left out for all."""
    samples = []
    for pages in sets:
        for worker in workers:  # what a system does once for a first image is no part of its speed
            worker.read(pages.path(pages.rows[0]))
        for number, row in enumerate(pages.rows):
            show_progress(f"{pages.name} {number + 1}/{len(pages.rows)}")
            first = number % len(workers)
            order = [*range(first, len(workers)), *range(first)]
            try:
                readings = {i: workers[i].read(pages.path(row)) for i in order}
            except ReadingFailedError as error:
                print(f"left out: {row.image}: {error}")
                continue
            samples.append(Sample(pages.name, row.image, tuple(readings[i] for i in range(len(workers)))))
    show_progress("")
    return samples


def print_speeds(names: Sequence[str], samples: Sequence[Sample]) -> dict[str, Any]:
    """Print and return, for each set and for all, median seconds a page and ratios of total times."""
    rows = []
    speeds: dict[str, Any] = {}
    for name in [*dict.fromkeys(sample.dataset for sample in samples), "all"]:
        chosen = [sample for sample in samples if name in (sample.dataset, "all")]
        columns = list(zip(*(sample.readings for sample in chosen), strict=True))
        totals = [sum(reading.seconds for reading in column) for column in columns]
        medians = [statistics.median(reading.seconds for reading in column) for column in columns]
        ratios = [total / totals[0] for total in totals[1:]]
        rows.append([name, len(chosen), *medians, *(f"{ratio:.2f}" for ratio in ratios)])
        speeds[name] = {
            "images": len(chosen),
            "median_seconds": dict(zip(names, medians, strict=True)),
            "total_seconds": dict(zip(names, totals, strict=True)),
            "times_the_engine": dict(zip(names[1:], ratios, strict=True)),
        }
    print_table(["median s/page", "pages", *names, *(f"{name} : {names[0]}" for name in names[1:])], rows)
    return speeds


def print_systems(
    workers: Sequence[Worker], samples: Sequence[Sample], sets: Sequence[PageSet], *, one_thread: bool
) -> dict[str, Any]:
    """Print and return, for each system: pages a second, share outside its networks, memory, word F1."""
    rows = []
    systems: dict[str, Any] = {}
    for i, worker in enumerate(workers):
        readings = [sample.readings[i] for sample in samples]
        seconds = sum(reading.seconds for reading in readings)
        networks = sum(reading.stages.get("networks", 0.0) for reading in readings)
        # The time in networks is summed over threads, so of several the rest would come out too small.
        outside = 1 - networks / seconds if one_thread else None
        speed, word_f1, (now, peak) = len(readings) / seconds, _word_f1(i, samples, sets), worker.memory()
        systems[worker.name] = {
            "versions": worker.versions,
            "pages_per_second": speed,
            "share_outside_networks": outside,
            "rss_mb": now,
            "peak_rss_mb": peak,
            "word_f1": word_f1,
            "milliseconds": _stage_milliseconds(readings),
        }
        rows.append([worker.name, speed, _percent(outside), round(now), round(peak), _percent(word_f1)])
    print_table(["system", "pages/s", "outside networks", "RSS MB", "peak MB", "word F1"], rows)
    return systems


def print_stages(systems: dict[str, Any]) -> None:
    """Print the mean milliseconds of each stage; what a stage holds differs between systems."""
    stages = list(dict.fromkeys(stage for figures in systems.values() for stage in figures["milliseconds"]))
    rows = [
        [name, *(f"{ms[stage]:.1f}" if stage in ms else None for stage in stages)]
        for name, ms in ((name, figures["milliseconds"]) for name, figures in systems.items())
    ]
    print_table(["ms a page", *stages], rows)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"


def _stage_milliseconds(readings: Sequence[Reading]) -> dict[str, float]:
    stages = dict.fromkeys(stage for reading in readings for stage in reading.stages)
    return {
        "total": 1000 * statistics.fmean(reading.seconds for reading in readings),
        **{stage: 1000 * statistics.fmean(r.stages.get(stage, 0.0) for r in readings) for stage in stages},
    }


def _word_f1(system: int, samples: Iterable[Sample], sets: Iterable[PageSet]) -> float:
    labels = {(pages.name, row.image): row.lines for pages in sets for row in pages.rows}
    scorer = PageScorer(by_line=False)
    for sample in samples:
        scorer.add(labels[sample.dataset, sample.image], sample.readings[system].lines)
    return scorer.figures()["word_f1"]


def run(systems: Sequence[System], sets: Sequence[PageSet], *, one_core: bool) -> dict[str, Any]:
    """Measure in one mode."""
    threads, cores = (1, [max(os.sched_getaffinity(0))]) if one_core else (0, None)
    print(f"\n== {'one core, one thread' if one_core else 'all cores'} ==")
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(system.start(threads=threads, cores=cores))) for system in systems]
        samples = take_samples(workers, sets)
        speeds = print_speeds([worker.name for worker in workers], samples)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--peer", default="rapidocr", choices=("rapidocr", "rapidocr4", "none"))
    parser.add_argument("--peer-python", metavar="PYTHON", help="interpreter of the environment that holds the peer")
    parser.add_argument("--cores", nargs="+", default=["1", "all"], choices=("1", "all"))
    add_out_argument(parser, "pipeline")
    args = parser.parse_args()
    systems = [engine(args)]
    if args.peer != "none":
        systems.append(peer(args.peer, args.peer_python))
    if args.peer == "rapidocr":
        systems.append(peer(args.peer, args.peer_python, flush_denormals=True))
    sets = chosen_pages(args)
    modes = {f"cores_{cores}": run(systems, sets, one_core=cores == "1") for cores in args.cores}
    write_result(args.out, args, modes)


if __name__ == "__main__":
    main()
