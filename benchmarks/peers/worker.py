"""One OCR system in a process of its own, told what to read by JSON lines on stdin, answering on stdout.

    worker.py engine|rapidocr|rapidocr4|tesseract [options]

Runs under the interpreter of whichever environment holds the system, so it imports nothing of the benchmarks.
First answer: {"ready": {name: version, ...}}. Then for each request {"image": path, "detect": bool} either
{"lines": [[polygon, text], ...], "seconds": s, "stages": {stage: s}} or {"error": message}. `seconds` runs from opening
the file to the lines. The stage `networks` is the time inside the networks, summed over threads; other stages are those
that the system reports of itself.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

Lines = list[tuple[list[list[float]], str]]


class System(Protocol):
    """Reads images."""

    versions: dict[str, str]

    def read(self, image: Path, detect: bool) -> Lines:
        """Return the lines of a page, or of an image that is one line."""

    def stages(self) -> dict[str, float]:
        """Return the seconds of the last read, by stage."""


class Stopwatch:
    """Adds up the time spent in the calls that it wraps, from any thread."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call`, timed."""

        @functools.wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                with self._lock:
                    self.seconds += time.perf_counter() - start

        return timed

    def wrap_reduce(self, reduce: Callable[..., Any]) -> Callable[..., Any]:
        """Return `reduce(network, batch, function)`, timed until it enters `function`."""

        @functools.wraps(reduce)
        def timed(network: Any, batch: Any, function: Callable[[Any], Any]) -> Any:
            start = time.perf_counter()

            def entered(output: Any) -> Any:
                with self._lock:
                    self.seconds += time.perf_counter() - start
                return function(output)

            return reduce(network, batch, entered)

        return timed

    def take(self) -> float:
        """Return the seconds so far and start anew."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


class OurEngine:
    """The engine of this repository, with a bundle of a store."""

    def __init__(self, args: argparse.Namespace) -> None:
        import cv2

        from ocr_core.backends.onnxruntime import OnnxNetwork
        from ocr_core.backends.openvino import OpenVinoNetwork
        from ocr_core.bundle.store import open_store
        from ocr_core.pages.images import decode
        from ocr_core.pipeline.engine import Engine
        from ocr_core.pipeline.result import ReadOptions

        self._networks = Stopwatch()
        self._detector = Stopwatch()
        # The one way to the engine in each: the other of `__call__` and `reduce` goes through it.
        setattr(OnnxNetwork, "__call__", self._networks.wrap(OnnxNetwork.__call__))  # noqa: B010 - mypy forbids the plain form
        setattr(OpenVinoNetwork, "reduce", self._networks.wrap_reduce(OpenVinoNetwork.reduce))  # noqa: B010
        if args.threads:
            cv2.setNumThreads(args.threads)
        bundle = open_store(args.store).open(args.model)
        self._engine = Engine.load(
            bundle,
            backend=args.backend,
            threads=args.threads or None,
            precision=args.precision,
            cache_dir=args.cache_dir,
        )
        self._engine.warm_up()
        self._time_detector()
        self._decode = decode
        self._options = ReadOptions
        self._stages: dict[str, float] = {}
        backend = self._engine.backend
        self.versions = {"bundle": bundle.ref, "digest": bundle.digest, backend.name: backend.provider}

    def _time_detector(self) -> None:
        """Time the detector's network apart from all of them."""
        network = self._engine.networks.detector.network

        class Timed:
            __call__ = staticmethod(self._detector.wrap(network.__call__))
            reduce, close = network.reduce, network.close

        object.__setattr__(self._engine.networks.detector, "network", Timed())

    def read(self, image: Path, detect: bool) -> Lines:
        """Return the lines."""
        self._networks.take(), self._detector.take()
        start = time.perf_counter()
        pixels = self._decode(image.read_bytes()).pixels
        decoded = time.perf_counter() - start
        page = self._engine.read(pixels, self._options(detect=detect))
        networks, detector = self._networks.take(), self._detector.take()
        self._stages = {"networks": networks, "detector": detector, "decode": decoded, **page.seconds}
        return [(line.quad.tolist(), line.text) for line in page.lines]

    def stages(self) -> dict[str, float]:
        """Return the engine's stages, and the decoding of the file."""
        return self._stages


class RapidOcr:
    """The peer `rapidocr` (PP-OCRv6 small) with its own defaults, but for the number of threads."""

    def __init__(self, args: argparse.Namespace) -> None:
        import cv2
        from rapidocr import RapidOCR
        from rapidocr.inference_engine.onnxruntime import main as sessions
        from rapidocr.utils import load_image

        self.versions = {name: version(name) for name in ("rapidocr", "onnxruntime")}
        self._networks = Stopwatch()
        sessions.OrtInferSession.__call__ = self._networks.wrap(sessions.OrtInferSession.__call__)
        self._decoding = Stopwatch()
        load_image.LoadImage.__call__ = self._decoding.wrap(load_image.LoadImage.__call__)
        if args.flush_denormals:
            sessions.SessionOptions = flushing(sessions.SessionOptions)
        params: dict[str, Any] = {"Global.log_level": "critical"}
        if args.threads:
            cv2.setNumThreads(args.threads)
            params |= {f"EngineConfig.onnxruntime.{kind}_op_num_threads": args.threads for kind in ("intra", "inter")}
        self._engine = RapidOCR(params=params)
        self._stages: dict[str, float] = {}

    def read(self, image: Path, detect: bool) -> Lines:
        """Return the lines. All switches are given: the peer keeps those of the call before."""
        self._networks.take(), self._decoding.take()
        result = self._engine(str(image), use_det=detect, use_cls=detect, use_rec=True)
        self._stages = {"networks": self._networks.take(), "decode": self._decoding.take()}
        if not detect:
            return [([], "".join(result.txts or ()))]
        if result.boxes is None:
            return []
        self._stages |= dict(zip(("det", "cls", "rec"), (s or 0.0 for s in result.elapse_list), strict=True))
        return [(box.tolist(), text) for box, text in zip(result.boxes, result.txts, strict=True)]

    def stages(self) -> dict[str, float]:
        """Return the peer's own figures, which hold its pre- and post-processing."""
        return self._stages


def flushing(make_options: Callable[[], Any]) -> Callable[[], Any]:
    """Return a maker of onnxruntime's session options that has denormal numbers flushed to zero."""

    def make() -> Any:
        options = make_options()
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        return options

    return make


class RapidOcr4:
    """The peer `rapidocr-onnxruntime` (PP-OCRv4 mobile) with its own defaults, but for the number of threads."""

    def __init__(self, args: argparse.Namespace) -> None:
        from rapidocr_onnxruntime import RapidOCR

        self.versions = {name: version(name) for name in ("rapidocr-onnxruntime", "onnxruntime")}
        threads = args.threads or -1
        self._engine = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=threads)
        self._stages: dict[str, float] = {}

    def read(self, image: Path, detect: bool) -> Lines:
        """Return the lines."""
        result, seconds = self._engine(str(image), use_det=detect, use_cls=detect, use_rec=True)
        if not detect:
            return [([], "".join(text for text, *_ in result or ()))]
        self._stages = dict(zip(("det", "cls", "rec"), seconds, strict=True)) if seconds else {}
        return [(box, text) for box, text, _ in result or ()]

    def stages(self) -> dict[str, float]:
        """Return the peer's own figures, which hold its pre- and post-processing."""
        return self._stages


class Tesseract:
    """The program `tesseract`: automatic segmentation (--psm 3) of pages, one line (--psm 7) of crops."""

    def __init__(self, args: argparse.Namespace) -> None:
        if args.threads:
            os.environ["OMP_THREAD_LIMIT"] = str(args.threads)
        self.versions = {"tesseract": self._run("--version").split()[1]}

    def read(self, image: Path, detect: bool) -> Lines:
        """Return the lines: the words of each, and the box around them."""
        if not detect:
            return [([], self._run(str(image), "-", "--psm", "7"))]
        lines: dict[tuple[str, ...], list[tuple[int, int, int, int, str]]] = {}
        table = self._run(str(image), "-", "--psm", "3", "tsv").splitlines()
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["level"] == "5" and (row["text"] or "").strip():
                left, top, width, height = (int(row[key]) for key in ("left", "top", "width", "height"))
                key = tuple(row[key] for key in ("page_num", "block_num", "par_num", "line_num"))
                lines.setdefault(key, []).append((left, top, left + width, top + height, row["text"]))
        return [self._line(words) for words in lines.values()]

    def stages(self) -> dict[str, float]:
        """Return nothing: the program does not say."""
        return {}

    @staticmethod
    def _line(words: list[tuple[int, int, int, int, str]]) -> tuple[list[list[float]], str]:
        left, top, right, bottom, texts = zip(*words, strict=True)
        x0, y0, x1, y1 = min(left), min(top), max(right), max(bottom)
        return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], " ".join(texts)

    @staticmethod
    def _run(*arguments: str) -> str:
        return subprocess.run(["tesseract", *arguments], capture_output=True, text=True, check=True).stdout


SYSTEMS: dict[str, Callable[[argparse.Namespace], System]] = {
    "engine": OurEngine,
    "rapidocr": RapidOcr,
    "rapidocr4": RapidOcr4,
    "tesseract": Tesseract,
}


def answer(system: System, request: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        lines = system.read(Path(request["image"]), request["detect"])
    except Exception as error:  # whatever a peer raises, it fails this image only
        return {"error": repr(error)[:300]}
    return {"lines": lines, "seconds": time.perf_counter() - start, "stages": system.stages()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as the system takes by itself")
    parser.add_argument("--flush-denormals", action="store_true", help="rapidocr: as onnxruntime does on request")
    parser.add_argument("--store")
    parser.add_argument("--model")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--cache-dir", type=Path)
    args = parser.parse_args()
    # Systems print what they like; only answers may reach the pipe.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    system = SYSTEMS[args.system](args)
    answers.write(json.dumps({"ready": system.versions}) + "\n")
    for line in sys.stdin:
        answers.write(json.dumps(answer(system, json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
