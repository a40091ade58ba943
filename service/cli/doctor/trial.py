"""A trial in a process of its own: open the store, verify the model, load it, read its golden sample.

An instruction that the processor lacks, a store that never answers or a memory limit then ends the trial and not the
report. Takes what to try as JSON on standard input, and prints an object for each step.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = ("packages", "backend", "store", "bundle", "reading")


def main() -> None:
    """Run the steps; one that fails is told, and those that need it are left out."""
    order = json.load(sys.stdin)
    if not _told("packages", _import):
        return
    from ocr_core.backends import load_backend
    from ocr_core.bundle.store import open_store

    cache = Path(order["cache_dir"])
    chosen: dict[str, Any] = {}

    def backend() -> dict[str, Any]:
        keep = cache / "compiled"
        chosen["backend"] = load_backend(
            order["backend"],
            threads=order["threads"],
            precision=order["precision"],
            cache_dir=keep if keep.is_dir() else None,
        )
        return {"name": chosen["backend"].name, "provider": chosen["backend"].provider}

    def store() -> dict[str, Any]:
        chosen["store"] = open_store(order["store"], cache=cache / "bundles")
        return {"url": chosen["store"].url, "bundles": [list(entry) for entry in chosen["store"].list()]}

    def bundle() -> dict[str, Any]:
        chosen["bundle"] = chosen["store"].open(order["model"])
        found = chosen["bundle"]
        total = sum(file.bytes for file in found.manifest.files())
        return {"ref": found.ref, "digest": found.digest, "bytes": total, "path": str(found.path)}

    loaded = _told("backend", backend)
    opened = _told("store", store) and _told("bundle", bundle)
    if loaded and opened:
        _told("reading", lambda: _read(chosen["bundle"], chosen["backend"]))


def _import() -> dict[str, Any]:
    import ocr_core.pipeline.loading  # noqa: F401

    return {}


def _read(bundle: Any, backend: Any) -> dict[str, Any]:
    from ocr_core.bundle.golden import check_golden
    from ocr_core.pipeline.engine import Engine

    start = time.perf_counter()
    engine = Engine(bundle, backend)
    loaded = time.perf_counter()
    check_golden(bundle, lambda pixels: tuple(line.text for line in engine.read(pixels).lines))
    read = time.perf_counter()
    precision = getattr(engine.networks.recognizer.network, "precision", "f32")
    return {
        "precision": precision,
        "load_seconds": loaded - start,
        "read_seconds": read - loaded,
        "peak": _peak(),
    }


def _peak() -> int | None:
    """Return the most memory that this process has held, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    kilobytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobytes


def _told(step: str, work: Callable[[], dict[str, Any]]) -> bool:
    """Do a step and print what it found, or why it failed; say whether it did not."""
    print(json.dumps({"step": step, "state": "begun"}), flush=True)
    try:
        found = work()
    except Exception as error:  # whatever it is, the report says so
        found = {"error": str(error) or type(error).__name__, "code": getattr(error, "code", type(error).__name__)}
    print(json.dumps({"step": step, **found}), flush=True)
    return "error" not in found
