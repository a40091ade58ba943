"""What the measurements of `ocr batch` share: the command, its files and its manifests."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import chosen_sets

OCR = (sys.executable, "-c", "from service.cli import main; main()", "batch")
MANIFEST = "_ocr/manifest-{:05d}-of-{:05d}.jsonl"


def images(args: argparse.Namespace) -> list[Path]:
    """Return the images of the sets."""
    return sorted({each.path(row) for each in chosen_sets(args) for row in each.rows})


def linked(folder: Path, paths: Sequence[Path]) -> None:
    """Make a folder of links, in a sub-folder for every set, and for paths that come again one for every time."""
    times = Counter[Path]()
    for path in paths:
        times[path] += 1
        link = folder / f"{path.parents[1].name}-{times[path]}" / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())


def entries(target: Path, index: int = 0, count: int = 1) -> list[dict[str, Any]]:
    """Return the whole lines of a manifest."""
    path = target / MANIFEST.format(index, count)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]
