"""The local cache of remote stores: bounded, and shared by processes that do not know of each other.

<cache>/<name>/<version>-<begin of the manifest's sha256>/     its time of modification tells when it was asked for last
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ocr_core.bundle.writer import aside_of

if sys.platform != "win32":
    import fcntl

KEPT = 4
"""Bundles of one name that stay: the one in use, the one to go back to, and as many for those who ask for a version."""
GRACE_SECONDS = 3600.0
"""How long a bundle stays in any case after it was asked for. Whoever did has read it long before."""


def enter(folder: Path) -> None:
    """Make the folder of a bundle if need be, and keep it from being evicted while it is filled and read."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.parent):
        folder.mkdir(exist_ok=True)
        with suppress(OSError):  # a cache that is read-only can be read all the same
            os.utime(folder)


def evict(folder: Path) -> None:
    """Remove the bundles in `folder`, all of one name, that were asked for longest ago, down to `KEPT`.

    Under the lock each is first renamed, so that another process finds a bundle whole or not at all, and what was
    removed is fetched again. Bundles that are loaded do not need their files any more.
    """
    if sys.platform == "win32":  # without a lock; nor does it let go of files in use
        return
    with suppress(OSError):
        with _locked(folder):
            entries = [(entry.stat().st_mtime, entry) for entry in folder.iterdir() if entry.is_dir()]
            # Hidden ones were renamed by a process that was killed before it had removed them.
            doomed = [entry for _, entry in entries if entry.name.startswith(".")]
            kept = sorted((one for one in entries if one[1] not in doomed), reverse=True)
            old = time.time() - GRACE_SECONDS
            doomed += [entry.rename(aside_of(entry)) for asked_for, entry in kept[KEPT:] if asked_for < old]
        for entry in doomed:
            shutil.rmtree(entry, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
