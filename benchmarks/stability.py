"""Is a line's text its own: each crop of a set alone, in batches of random company, and from many threads.

    python -m benchmarks.stability --data DIR --sets words-svt

Alone is one crop after the other from one thread. Batches of each size from 2 to --max-batch are filled with crops in
random order, as far as they share an input width; threads share one engine. Counted are crops whose text differs from
what they gave alone, whatever the confidence.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_sets,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.systems import add_engine_arguments
from ocr_core.bundle.store import open_store
from ocr_core.pages.images import decode
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import ReadOptions
from ocr_core.pipeline.runner import LocalRunner
from ocr_core.preprocess import Pixels
from ocr_core.recognition.ctc import Frames
from ocr_core.scoring import CropSet

OPTIONS = ReadOptions(detect=False, min_confidence=0.0)
SHOWN = 10


class Recorder(LocalRunner):
    """Keeps the pieces that the recognizer was asked to read."""

    pieces: tuple[Pixels, ...] = ()

    def recognize(self, pieces: Sequence[Pixels]) -> list[Frames]:
        """Return the likeliest classes of each piece."""
        self.pieces = tuple(pieces)
        return super().recognize(pieces)


class Replay(LocalRunner):
    """Gives frames that were computed before."""

    frames: Sequence[Frames] = ()

    def recognize(self, pieces: Sequence[Pixels]) -> list[Frames]:
        """Return the frames given, one for each piece."""
        return [frames for _, frames in zip(pieces, self.frames, strict=True)]


class Readings:
    """An engine and the crops that it reads in various company."""

    def __init__(self, engine: Engine, crops: Sequence[Pixels], pool: ThreadPoolExecutor) -> None:
        self.engine = engine
        self.crops = crops
        self._pool = pool
        recorder = Recorder(engine.networks, engine.backend.policy, pool)
        self.alone: list[str] = []
        self._pieces: list[tuple[Pixels, ...]] = []
        for crop in crops:
            self.alone.append(engine.read(crop, OPTIONS, runner=recorder).text)
            self._pieces.append(recorder.pieces)

    def in_batches(self, size: int, rng: random.Random) -> list[str]:
        """Return the texts when crops are recognised `size` at a time, in random order."""
        policy = replace(self.engine.backend.policy, max_batch=size)
        order = [(i, j) for i, pieces in enumerate(self._pieces) for j in range(len(pieces))]
        rng.shuffle(order)
        runner = LocalRunner(self.engine.networks, policy, self._pool)
        frames = dict(zip(order, runner.recognize([self._pieces[i][j] for i, j in order]), strict=True))
        replay = Replay(self.engine.networks, policy, self._pool)
        texts = []
        for i, crop in enumerate(self.crops):
            replay.frames = [frames[i, j] for j in range(len(self._pieces[i]))]
            texts.append(self.engine.read(crop, OPTIONS, runner=replay).text)
        return texts

    def from_threads(self, count: int, rng: random.Random) -> list[str]:
        """Return the texts when `count` threads read the crops in random order."""
        order = list(range(len(self.crops)))
        rng.shuffle(order)
        with ThreadPoolExecutor(count) as callers:
            texts = callers.map(lambda i: self.engine.read(self.crops[i], OPTIONS).text, order)
            by_crop = dict(zip(order, texts, strict=True))
        return [by_crop[i] for i in range(len(self.crops))]


def measure(crops: CropSet, engine: Engine, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return, for each kind of company, which texts differ from those read alone."""
    rng = random.Random(args.seed)
    images = [decode(crops.path(row).read_bytes()).pixels for row in crops.rows]
    results: list[dict[str, Any]] = []

    def compare(company: str, texts: Sequence[str]) -> None:
        show_progress(f"{crops.name}: {company}")
        pairs = zip(crops.rows, readings.alone, texts, strict=True)
        differing = [{"image": row.image, "alone": a, "here": b} for row, a, b in pairs if a != b]
        results.append({"set": crops.name, "company": company, "crops": len(texts), "differing": differing})

    with ThreadPoolExecutor(engine.backend.policy.streams) as pool:
        readings = Readings(engine, images, pool)
        for size in range(2, args.max_batch + 1):
            compare(f"batches of {size}", readings.in_batches(size, rng))
    for threads in args.threads:
        compare(f"{threads} threads" if threads > 1 else "1 thread, another order", readings.from_threads(threads, rng))
    show_progress("")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 16], help="threads that read; default 1 and 16")
    parser.add_argument("--seed", type=int, default=0)
    add_out_argument(parser, "stability")
    args = parser.parse_args()
    engine = Engine.load(
        open_store(args.store).open(args.model),
        backend=args.backend,
        precision=args.precision,
        cache_dir=args.cache_dir,
    )
    sets = [dataset for dataset in chosen_sets(args) if isinstance(dataset, CropSet)]
    results = [result for crops in sets for result in measure(crops, engine, args)]
    print_table(
        ["company", "set", "crops", "differing"],
        [[r["company"], r["set"], r["crops"], len(r["differing"])] for r in results],
    )
    differing = [{"company": r["company"], **found} for r in results for found in r["differing"]]
    for found in differing[:SHOWN]:
        print(f"{found['image']}, {found['company']}: {found['alone']!r} alone, {found['here']!r} here")
    write_result(args.out, args, {"bundle": engine.bundle.ref, "backend": engine.backend.provider, "results": results})


if __name__ == "__main__":
    main()
