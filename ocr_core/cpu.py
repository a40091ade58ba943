"""How many cores this process may really use: a container's quota is not in `os.cpu_count()`."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cores(cgroup: Path = _CGROUP) -> int:
    """Return the cores of the affinity mask, or fewer if a cgroup quota (v2 or v1) allows fewer; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    # A quota of 1.5 cores runs two threads without being throttled most of the time; one would waste a third.
    return max(1, min(allowed, math.ceil(quota))) if quota is not None else max(1, allowed)


def _quota(cgroup: Path) -> float | None:
    """Return the CPU quota in cores, None where there is none."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if limit in ("max", "-1"):
        return None
    return int(limit) / int(period)
