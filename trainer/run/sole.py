"""One process at a time trains in a folder."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

try:
    import fcntl
except ImportError:  # not a Unix: there two runs in one folder are not told apart
    fcntl = None  # type: ignore[assignment]

from trainer.errors import OccupiedError

log = logging.getLogger(__name__)
LOCK = "lock"
_held: set[TextIO] = set()


@contextlib.contextmanager
def sole(folder: Path) -> Iterator[None]:
    """Hold the run in `folder` for this process; the system lets go of it however the process ends.

    Raises:
        OccupiedError: another process holds it.
    """
    # Appended to, as a link by this name may lead to a file of somebody.
    with (folder / LOCK).open("a") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OccupiedError(f"another process trains in {folder}: wait for it, or give another --run") from None
        except OSError as error:
            log.warning("%s cannot be locked (%s): train in it with one process at a time", folder, error)
        _held.add(file)
        try:
            yield
        finally:
            _held.discard(file)


def _leave_to_parent() -> None:
    """Close in a forked process what its parent holds: a worker that outlives a killed run would hold it for ever."""
    for file in _held:
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
