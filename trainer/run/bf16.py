"""Whether bf16 pays on this processor."""

from __future__ import annotations

import re
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""x86 has the first two, Arm the last. oneDNN computes bf16 without them too, many times as slowly as f32."""


def computes_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Say whether the processor has instructions for bf16; where the system does not tell, that it has."""
    try:
        flags = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return True
    return not flags or not INSTRUCTIONS.isdisjoint(flags[1].split())
