"""What every benchmark needs: the machine it ran on, tables, and a place for results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ocr_core.cpu import available_cores
from ocr_core.scoring import LabelledSet, PageSet, read_set

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("numpy", "onnxruntime", "openvino", "opencv-python-headless")


def machine() -> dict[str, Any]:
    """Return what figures depend on besides the code: processor, cores, versions, commit."""
    return {
        "cpu": cpu_model(),
        "cores": available_cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _git("rev-parse", "--short=12", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else ""),
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def cpu_model() -> str:
    """Return the name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def rss_mb(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process, now and at its peak, in MB (10⁶ bytes). Linux only."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    now, peak = (int(status[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))
    return now, peak


@contextmanager
def on_cores(cores: Sequence[int] | None) -> Iterator[None]:
    """Bind this process, and the processes that it starts meanwhile, to some cores; None leaves it as it is."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def parted_cores() -> tuple[Sequence[int] | None, Sequence[int] | None]:
    """Return cores for a server and others for its clients: the first and the last one. None where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    return (None, None) if len(cores) == 1 else (cores[:1], cores[-1:])


def add_data_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument("--data", type=Path, required=required, help="folder that holds labelled sets")
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="which of them; by default all")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images of each set")


def add_out_argument(parser: argparse.ArgumentParser, name: str) -> None:
    default = RESULTS / f"{name}.json"
    parser.add_argument("--out", type=Path, default=default, help=f"default {default.relative_to(ROOT)}")


def chosen_sets(args: argparse.Namespace) -> list[LabelledSet]:
    """Return the sets that the arguments name."""
    names = args.sets or sorted(folder.parent.name for folder in args.data.glob("*/labels.jsonl"))
    if not names:
        sys.exit(f"{args.data}: no labelled sets; each is a folder with labels.jsonl and its images")
    return [read_set(args.data / name).head(args.limit) for name in names]


def chosen_pages(args: argparse.Namespace) -> list[PageSet]:
    """Return the sets of pages among those that the arguments name."""
    pages = [dataset for dataset in chosen_sets(args) if isinstance(dataset, PageSet)]
    return pages or sys.exit("none of these sets holds pages")


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns: the first to the left, all others to the right. Floats get three places, None a dash."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip())


def write_result(path: Path, arguments: argparse.Namespace, result: Mapping[str, Any]) -> None:
    """Write figures as JSON, with the machine and the arguments they were taken with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {key: value for key, value in vars(arguments).items() if key != "out"}
    report = {"machine": machine(), "arguments": options, **result}
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    print(f"written to {path}")


def show_progress(text: str) -> None:
    """Overwrite one line on a terminal; print nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
