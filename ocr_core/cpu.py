"""How many cores this process may really use: a container's quota is not in `os.cpu_count()`."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ocr_core.cgroup import PROCESS, ROOT, cpu_quota


def available_cores(cgroup: Path = ROOT, process: Path = PROCESS) -> int:
    """Return the cores of the affinity mask, or fewer if a cgroup quota (v2 or v1) allows fewer; at least 1."""
    allowed, quota = affinity_cores(), cpu_quota(cgroup, process)
    # A quota of 1.5 cores runs two threads without being throttled most of the time; one would waste a third.
    return max(1, min(allowed, math.ceil(quota))) if quota is not None else allowed


def affinity_cores() -> int:
    """Return the cores that this process may be scheduled on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
