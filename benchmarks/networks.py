"""Networks of the paper as ONNX files of random weights, and what this machine can compute them with."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.common import ROOT
from ocr_core.backends import Backend, BackendName, Precision, load_backend
from ocr_core.errors import BackendUnavailableError

ENGINES: Mapping[str, tuple[BackendName, Precision]] = {
    "openvino f32": ("openvino", "f32"),
    "openvino bf16": ("openvino", "bf16"),
    "onnxruntime": ("onnxruntime", "auto"),
    "cuda": ("cuda", "auto"),
}
"""By title. onnxruntime computes in float32; bf16 is slow, or float32 in disguise, without matrix units for it."""


def add_engine_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="default: all there are")
    parser.add_argument("--threads", type=int, default=1, help="cores that a network may use; default 1")


def engines(names: list[str], threads: int) -> dict[str, Backend]:
    """Return those of the named engines that this machine has."""
    found = {}
    for name in names:
        backend, precision = ENGINES[name]
        try:
            found[name] = load_backend(backend, threads=threads, precision=precision)
        except BackendUnavailableError as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
    return found


def export(name: str, folder: Path) -> Path:
    """Let the trainer write a network into a folder; return its ONNX file."""
    path = folder / f"{name}.onnx"
    command = [sys.executable, "-m", "trainer", "export-net", name, "--out", str(path)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return path


def milliseconds(call: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)
