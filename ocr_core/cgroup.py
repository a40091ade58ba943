"""What the control groups of this process allow it: a container's limits are in no other place.

Version 2 and version 1 are read, beside each other where both are mounted. The process's own group counts and those
above it; in a container they are not seen, and the root is the container's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self/cgroup")
_NO_LIMIT = 1 << 60
"""What version 1 writes for no limit lies above it."""


def cpu_quota(root: Path = ROOT, process: Path = PROCESS) -> float | None:
    """Return the CPU time that may be used, in cores; None where there is no quota."""
    second = (_text(folder / "cpu.max") for folder in _groups(root, process, None))
    first = (
        f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
        for folder in _groups(root, process, "cpu")
    )
    shares = [_share(text) for text in (*second, *first)]
    return min((share for share in shares if share is not None), default=None)


def memory_limit(root: Path = ROOT, process: Path = PROCESS) -> int | None:
    """Return the bytes of memory beyond which the process is killed; None where there is no limit."""
    files = [folder / "memory.max" for folder in _groups(root, process, None)]
    files += [folder / "memory.limit_in_bytes" for folder in _groups(root, process, "memory")]
    limits = (_number(file) for file in files)
    return min((limit for limit in limits if limit is not None and limit < _NO_LIMIT), default=None)


def total_memory() -> int | None:
    """Return the bytes of memory of the machine; None where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _groups(root: Path, process: Path, controller: str | None) -> Iterator[Path]:
    """Yield the folders of the process's group and of those above it; of version 2 without a controller."""
    top = root if controller is None else root / controller
    own = _path(process, controller)
    yield from dict.fromkeys(top / part for part in (own, *own.parents))


def _path(process: Path, controller: str | None) -> Path:
    try:
        lines = process.read_text().splitlines()
    except OSError:
        return Path()
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers == "" if controller is None else controller in controllers.split(","):
            return Path(path.strip("/"))
    return Path()


def _share(text: str) -> float | None:
    try:
        limit, period = map(int, text.split())
        return limit / period if limit > 0 else None
    except ValueError:  # `max`, or half of it
        return None


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
