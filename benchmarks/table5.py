"""The systems of the paper's Table 5 side by side: size and time of their networks; Hmean where there are weights.

    python -m benchmarks.table5 --data DIR --sets receipts-sroie --limit 5 [--bundles ppocrv2-en ppocrv6]

Time depends on the boxes that a detector finds, and untrained ones find nothing of use: so each system searches every
page, its long side 960 pixels as in the paper, and reads the labelled lines of it, whatever was found. Left out is what
is the same for all three: decoding, boxes from the map, the direction classifier. Systems take turns, page by page.
Bundles of --bundles are rows of their own, which search as they do in service, and have a Hmean, end to end.
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
from ocr_core.bundle.reader import Bundle
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


def untrained(system: System, files: Mapping[str, Path], backend: Backend) -> Networks:
    """Return the networks of a row of the paper on a backend."""
    detector, recognizer = files[system.detector], files[system.recognizer]
    common = {"opset": 17, "input": "x", "output": "y", "normalization": Normalization()}
    find = DetectorSpec(weights=describe_file(detector), resize=DetectorResize(max_side=960), **common)
    read = RecognizerSpec(weights=describe_file(recognizer), height=32, widths=WIDTHS, characters=CHARACTERS, **common)
    return Networks(
        Detector(backend.load(detector, "detector"), find),
        Recognizer(backend.load(recognizer, "recognizer"), read, backend.policy),
        classifier=None,
    )


class Assembled:
    """The two networks of a system on one backend, computed as the service does."""

    def __init__(self, networks: Networks, backend: Backend) -> None:
        self.networks = networks
        self.pool = ThreadPoolExecutor(backend.policy.streams)
        self.runner = LocalRunner(networks, backend.policy, self.pool)

    def times(self, page: Page) -> tuple[float, float]:
        """Return the milliseconds of detecting and of reading one page."""
        pixels, quads = page
        found = milliseconds(lambda: self.runner.detect(self.networks.detector.prepare(pixels)))
        return found, milliseconds(lambda: self.runner.recognize(list(self._pieces(pixels, quads))))

    def _pieces(self, pixels: Pixels, quads: Sequence[np.ndarray]) -> Iterator[Pixels]:
        recognizer = self.networks.recognizer
        for quad in quads:
            yield from recognizer.windows(cut_line(pixels, quad, recognizer.spec.height))

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


def measure(
    backend: Backend, files: Mapping[str, Path], bundles: Mapping[str, Bundle], pages: Sequence[Page]
) -> dict[str, tuple[float, float]]:
    """Return the mean milliseconds a page of each system, detecting and reading; a first round warms up."""
    systems = {name: Assembled(untrained(system, files, backend), backend) for name, system in SYSTEMS.items()}
    systems |= {name: Assembled(Engine(bundle, backend).networks, backend) for name, bundle in bundles.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
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


def hmeans(bundles: Mapping[str, Bundle], sets: Sequence[PageSet], threads: int) -> dict[str, float]:
    """Return the end-to-end Hmean of bundles, the mean over the sets labelled by lines."""
    found = {}
    for name, bundle in bundles.items():
        with closing(Engine.load(bundle, threads=threads, precision="f32")) as engine:
            reports = [evaluate(dataset, EngineReader(engine)) for dataset in sets if dataset.by_line]
        found[name] = mean([report.figures["e2e_h"] for report in reports])
    return found


def bundle_sizes(bundle: Bundle) -> tuple[float, float]:
    """Return the megabytes of a bundle's detector and of its recognizer, its language model included."""
    models = bundle.manifest.models
    files = [models.recognizer.weights, *([models.recognizer.language.model] if models.recognizer.language else [])]
    return _megabytes(bundle.file(models.detector.weights)), sum(_megabytes(bundle.file(file)) for file in files)


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def print_times(times: Mapping[str, Mapping[str, tuple[float, float]]]) -> None:
    header = [f"{title}: {part}" for title in times for part in ("det", "rec", "both")]
    rows = []
    for name in next(iter(times.values())):
        figures = [f"{ms:.0f}" for found in times.values() for ms in (*found[name], sum(found[name]))]
        system = SYSTEMS.get(name)
        paper = (f"{system.cpu_ms:.0f}", f"{system.gpu_ms:.0f}") if system else (None, None)
        rows.append([name, *figures, *paper])
    print_table(["system", *header, "paper CPU", "T4"], rows)


def print_sizes(sizes: Mapping[str, tuple[float, float]], scores: Mapping[str, float]) -> None:
    rows = []
    for name, size in sizes.items():
        system = SYSTEMS.get(name)
        paper = (f"{system.megabytes:.1f}", system.hmean) if system else (None, None)
        rows.append([name, *(f"{part:.1f}" for part in (*size, sum(size))), paper[0], scores.get(name), paper[1]])
    print_table(["system", "MB det", "MB rec", "MB", "paper MB", "Hmean", "paper"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_engine_choice(parser)
    parser.add_argument("--store", default="models", help="model store, a folder or URL; default ./models")
    parser.add_argument("--bundles", nargs="+", default=[], metavar="NAME[@VERSION]", help="rows of trained weights")
    add_out_argument(parser, "table5")
    args = parser.parse_args()
    bundles = {name: open_store(args.store).open(name) for name in args.bundles}
    sets = chosen_pages(args)
    pages = labelled(sets)
    with tempfile.TemporaryDirectory() as temporary:
        files = {name: export(name, Path(temporary)) for name in NETWORKS}
        sizes = {
            name: (_megabytes(files[system.detector]), _megabytes(files[system.recognizer]))
            for name, system in SYSTEMS.items()
        } | {name: bundle_sizes(bundle) for name, bundle in bundles.items()}
        backends = engines(args.engines, args.threads)
        times = {title: measure(backend, files, bundles, pages) for title, backend in backends.items()}
    lines = sum(len(quads) for _, quads in pages)
    print(f"{len(pages)} pages, {lines} lines, {args.threads} threads, milliseconds a page")
    print_times(times)
    scores = hmeans(bundles, sets, args.threads)
    print_sizes(sizes, scores)
    write_result(args.out, args, {"milliseconds": times, "megabytes": sizes, "hmean": scores, "pages": len(pages)})


if __name__ == "__main__":
    main()
