"""OCR systems as processes: the engine of this repository and its peers, all driven through `peers/worker.py`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from benchmarks.common import on_cores, rss_mb
from ocr_core.backends import BackendName, Precision
from ocr_core.errors import OcrError
from ocr_core.scoring import Region

WORKER = Path(__file__).resolve().parent / "peers" / "worker.py"
PEERS = ("rapidocr", "rapidocr4", "tesseract")


class ReadingFailedError(OcrError):
    """A system failed on one image."""

    code = "reading_failed"


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer of a system to one image."""

    lines: tuple[Region, ...]
    seconds: float
    """From opening the file to the lines."""
    stages: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """How to start one."""

    name: str
    """As tables show it."""
    arguments: tuple[str, ...]
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *, threads: int = 0, cores: Sequence[int] | None = None) -> Worker:
        """Start it with a number of threads (0: its own choice), bound to some cores (None: unbound)."""
        return Worker(self, threads, cores)


class Worker:
    """A running system. Also a `Reader` for `ocr_core.scoring.evaluate`."""

    def __init__(self, system: System, threads: int, cores: Sequence[int] | None) -> None:
        self.name = system.name
        limits = {"OMP_NUM_THREADS": str(threads)} if threads else {}
        command = [system.python, str(WORKER), *system.arguments, "--threads", str(threads)]
        with on_cores(cores):
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env={**os.environ, **system.environment, **limits},
            )
        self.versions: dict[str, str] = self._answer()["ready"]

    def read(self, image: Path, *, detect: bool = True) -> Reading:
        """Read one image.

        Raises:
            ReadingFailedError: the system raised.
        """
        pipe = self._process.stdin
        if pipe is None:
            raise RuntimeError(f"{self.name} has no stdin")
        pipe.write(json.dumps({"image": str(image.resolve()), "detect": detect}) + "\n")
        pipe.flush()
        answer = self._answer()
        if "error" in answer:
            raise ReadingFailedError(answer["error"])
        lines = tuple(Region(tuple((x, y) for x, y in corners), text) for corners, text in answer["lines"])
        return Reading(lines, answer["seconds"], answer["stages"])

    def page(self, image: Path) -> tuple[Region, ...]:
        """Return the lines of a page."""
        return self.read(image).lines

    def crop(self, image: Path) -> str:
        """Return the text of an image that is one line."""
        return "".join(line.text for line in self.read(image, detect=False).lines)

    def memory(self) -> tuple[float, float]:
        """Return its resident memory, now and at its peak, in MB."""
        return rss_mb(self._process.pid)

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=30)

    def _answer(self) -> dict[str, Any]:
        pipe = self._process.stdout
        line = pipe.readline() if pipe is not None else ""
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self._process.wait()}; see its messages above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", default="models", help="model store, a folder or URL; default ./models")
    parser.add_argument("--model", default="ppocrv2-en", help="bundle to measure, name[@version]; default ppocrv2-en")
    parser.add_argument("--backend", default="auto", choices=get_args(BackendName))


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    parser.add_argument("--precision", default="auto", choices=get_args(Precision))
    parser.add_argument("--cache-dir", type=Path, help="folder for compiled networks")


def engine(args: argparse.Namespace) -> System:
    """Return the engine of this repository as the arguments choose it."""
    arguments = ["engine", "--store", args.store, "--model", args.model]
    arguments += ["--backend", args.backend, "--precision", args.precision]
    if args.cache_dir:
        arguments += ["--cache-dir", str(args.cache_dir)]
    return System(name=args.model, arguments=tuple(arguments))


def engine_of(model: str, precision: str, *, store: str, backend: str = "auto") -> System:
    """Return the engine with a bundle, computed in a precision."""
    arguments = ("engine", "--store", store, "--model", model, "--backend", backend, "--precision", precision)
    return System(name=f"{model}:{precision}", arguments=arguments)


def peer(name: str, python: str | None, *, flush_denormals: bool = False) -> System:
    """Return a peer, run by the interpreter of the environment that holds it."""
    if flush_denormals:
        return System(name=f"{name}, flushed", arguments=(name, "--flush-denormals"), python=python or sys.executable)
    return System(name=name, arguments=(name,), python=python or sys.executable)
