"""One process at a time trains in a folder."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a Unix: there two runs in one folder are not told apart
    fcntl = None  # type: ignore[assignment]

from trainer.errors import OccupiedError

log = logging.getLogger(__name__)
LOCK = "lock"


@contextlib.contextmanager
def sole(folder: Path) -> Iterator[None]:
    """Hold the run in `folder` for this process; the system lets go of it however the process ends.

    Raises:
        OccupiedError: another process holds it.
    """
    with (folder / LOCK).open("w") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OccupiedError(f"another process trains in {folder}: wait for it, or give another --run") from None
        except OSError as error:
            log.warning("%s cannot be locked (%s): train in it with one process at a time", folder, error)
        yield
