"""Keeping the memory of a long-lived process flat."""

from __future__ import annotations

import ctypes
import sys

# Of <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_THRESHOLD = 4 * 1024 * 1024
_ARENAS = 2


def return_large_blocks() -> bool:
    """Make the C library give freed blocks of 4 MiB and more back to the system at once; say whether it can.

    glibc raises this threshold by itself up to 32 MiB, after which tensors of ever new shapes leave holes in the heap
    that stay with the process: a third of its memory after a few dozen images (docs/decisions/0004-memory.md). Small
    blocks of all threads come from few heaps, each of which keeps what it once needed.
    """
    return _call("mallopt", _M_MMAP_THRESHOLD, _THRESHOLD) and _call("mallopt", _M_ARENA_MAX, _ARENAS)


def return_free_memory() -> bool:
    """Make the C library give the system all freed memory that it holds; say whether it had any.

    For once after a large task: compiling networks leaves holes that reading never fills.
    """
    return _call("malloc_trim", 0)


def keep_large_blocks() -> bool:
    """Make the C library keep all freed memory for later use; say whether it can.

    For a process that asks for the same large blocks again and again, as a training step does: mapping them anew costs
    a page fault for each 4 KiB, a sixth of the time of a step on a CPU.
    """
    return _call("mallopt", _M_MMAP_MAX, 0) and _call("mallopt", _M_TRIM_THRESHOLD, 2**31 - 1)


def _call(function: str, *arguments: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None)[function](*arguments))
    except (OSError, AttributeError):  # another C library
        return False
