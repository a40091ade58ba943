"""The systems of the paper's Table 5 side by side: size and time of their networks; Hmean where there are weights.

    python -m benchmarks.table5 --data DIR --sets receipts-sroie --limit 5 [--bundle PP-OCRv2=ppocrv2-en]

Time depends on the boxes that a detector finds, and untrained ones find nothing of use: so each system searches every
page, its long side 960 pixels as in the paper, and reads the labelled lines of it, whatever was found. Left out is what
is the same for all three: decoding, boxes from the map, the direction classifier. Systems take turns, page by page.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_pages,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.networks import add_engine_choice, engines, export, milliseconds
from ocr_core.backends import Backend
from ocr_core.bundle.store import open_store
from ocr_core.bundle.writer import describe_file
from ocr_core.detection.detector import Detector
from ocr_core.pages.images import decode
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.runner import LocalRunner, Networks
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import cut_line
from ocr_core.recognition.recognizer import Recognizer
from ocr_core.scoring import PageSet, evaluate
from ocr_core.scoring.evaluate import EngineReader
from ocr_core.specs import DetectorResize, DetectorSpec, Normalization, RecognizerSpec

WIDTHS = (48, 96, 160, 240, 320, 480, 640, 960)
CHARACTERS = tuple(map(chr, range(0x4E00, 0x4E00 + 6624)))
"""As many as PP-OCR's dictionary has, with the space."""


@dataclass(frozen=True, slots=True)
class System:
    """A row of the table: its networks, as `trainer export-net` calls them, and the paper's figures."""

    detector: str
    recognizer: str
    hmean: float
    megabytes: float
    cpu_ms: float
    gpu_ms: float


SYSTEMS: Mapping[str, System] = {
    "PP-OCR mobile": System("detector_mobile", "recognizer_mobile", 0.503, 8.1, 356, 116),
    "PP-OCR server": System("detector_server", "recognizer_server", 0.570, 155.1, 1056, 200),
    "PP-OCRv2": System("detector_mobile", "recognizer_v2", 0.576, 11.6, 330, 111),
}
NETWORKS = sorted({name for system in SYSTEMS.values() for name in (system.detector, system.recognizer)})
Page = tuple[Pixels, list[np.ndarray]]
"""Pixels and the quads of the lines labelled in them."""


class Assembled:
    """The two networks of a system on one backend, computed as the service does."""

    def __init__(self, system: System, files: Mapping[str, Path], backend: Backend) -> None:
        detector, recognizer = files[system.detector], files[system.recognizer]
        self.height = 32
        common = {"opset": 17, "input": "x", "output": "y", "normalization": Normalization()}
        find = DetectorSpec(weights=describe_file(detector), resize=DetectorResize(max_side=960), **common)
        read = RecognizerSpec(
            weights=describe_file(recognizer), height=self.height, widths=WIDTHS, characters=CHARACTERS, **common
        )
        self.networks = Networks(
            Detector(backend.load(detector, "detector"), find),
            Recognizer(backend.load(recognizer, "recognizer"), read, backend.policy),
            classifier=None,
        )
        self.pool = ThreadPoolExecutor(backend.policy.streams)
        self.runner = LocalRunner(self.networks, backend.policy, self.pool)

    def times(self, page: Page) -> tuple[float, float]:
        """Return the milliseconds of detecting and of reading one page."""
        pixels, quads = page
        found = milliseconds(lambda: self.runner.detect(self.networks.detector.prepare(pixels)))
        return found, milliseconds(lambda: self.runner.recognize(list(self._pieces(pixels, quads))))

    def _pieces(self, pixels: Pixels, quads: Sequence[np.ndarray]) -> Iterator[Pixels]:
        for quad in quads:
            yield from self.networks.recognizer.windows(cut_line(pixels, quad, self.height))

    def close(self) -> None:
        """Free the networks."""
        self.pool.shutdown()
        self.networks.close()


def labelled(sets: Sequence[PageSet]) -> list[Page]:
    """Return the pages of the sets, with those lines that have four corners."""
    pages = []
    for dataset in sets:
        for row in dataset.rows:
            quads = [np.array(line.points, np.float32) for line in row.lines if len(line.points) == 4]
            pages.append((decode(dataset.path(row).read_bytes()).pixels, quads))
    return pages


def measure(backend: Backend, files: Mapping[str, Path], pages: Sequence[Page]) -> dict[str, tuple[float, float]]:
    """Return the mean milliseconds a page of each system, detecting and reading; a first round warms up."""
    systems = {name: Assembled(system, files, backend) for name, system in SYSTEMS.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in SYSTEMS}
    for turn in range(2):
        for number, page in enumerate(pages):
            show_progress(f"{backend.name} round {turn + 1} page {number + 1}/{len(pages)}")
            for name, system in systems.items():
                took = system.times(page)
                if turn:
                    times[name].append(took)
    show_progress("")
    for system in systems.values():
        system.close()
    return {name: (mean([t[0] for t in found]), mean([t[1] for t in found])) for name, found in times.items()}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def hmeans(args: argparse.Namespace, sets: Sequence[PageSet]) -> dict[str, float]:
    """Return the end-to-end Hmean of the bundles given, the mean over the sets labelled by lines."""
    found = {}
    for pair in args.bundle:
        system, _, bundle = pair.partition("=")
        with closing(Engine.load(open_store(args.store).open(bundle), threads=args.threads)) as engine:
            reports = [evaluate(dataset, EngineReader(engine)) for dataset in sets if dataset.by_line]
        found[system] = mean([report.figures["e2e_h"] for report in reports])
    return found


def print_times(times: Mapping[str, Mapping[str, tuple[float, float]]]) -> None:
    header = [f"{title}: {part}" for title in times for part in ("det", "rec", "both")]
    rows = []
    for name, system in SYSTEMS.items():
        figures = [ms for found in times.values() for ms in (*found[name], sum(found[name]))]
        rows.append([name, *(f"{ms:.0f}" for ms in (*figures, system.cpu_ms, system.gpu_ms))])
    print_table(["system", *header, "paper CPU", "T4"], rows)


def print_sizes(sizes: Mapping[str, tuple[float, float]], scores: Mapping[str, float]) -> None:
    rows = []
    for name, system in SYSTEMS.items():
        megabytes = (*sizes[name], sum(sizes[name]), system.megabytes)
        rows.append([name, *(f"{size:.1f}" for size in megabytes), scores.get(name), system.hmean])
    print_table(["system", "MB det", "MB rec", "MB", "paper MB", "Hmean", "paper"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_choice(parser)
    parser.add_argument("--store", default="models", help="model store, a folder or URL; default ./models")
    parser.add_argument("--bundle", nargs="+", default=[], metavar="SYSTEM=NAME", help="trained weights of a system")
    add_out_argument(parser, "table5")
    args = parser.parse_args()
    if unknown := {pair.partition("=")[0] for pair in args.bundle} - set(SYSTEMS):
        parser.error(f"--bundle: no system {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")
    sets = chosen_pages(args)
    pages = labelled(sets)
    with tempfile.TemporaryDirectory() as temporary:
        files = {name: export(name, Path(temporary)) for name in NETWORKS}
        sizes = {
            name: (files[system.detector].stat().st_size / 1e6, files[system.recognizer].stat().st_size / 1e6)
            for name, system in SYSTEMS.items()
        }
        times = {title: measure(found, files, pages) for title, found in engines(args.engines, args.threads).items()}
    lines = sum(len(quads) for _, quads in pages)
    print(f"{len(pages)} pages, {lines} lines, {args.threads} threads, milliseconds a page")
    print_times(times)
    scores = hmeans(args, sets)
    print_sizes(sizes, scores)
    write_result(args.out, args, {"milliseconds": times, "megabytes": sizes, "hmean": scores, "pages": len(pages)})


if __name__ == "__main__":
    main()
