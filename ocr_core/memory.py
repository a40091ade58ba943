"""Keeping the memory of a long-lived process flat."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3  # of <malloc.h>
_THRESHOLD = 256 * 1024


def return_large_blocks() -> bool:
    """Make the C library give freed blocks of 256 KiB and more back to the system at once; say whether it can.

    glibc raises this threshold by itself up to 32 MiB, after which tensors of ever new shapes leave holes in the heap
    that stay with the process: a third of its memory after a few dozen images (docs/decisions/0004-memory.md).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD))
    except (OSError, AttributeError):  # another C library
        return False
