"""How many connections the system's limit of open files leaves room for: each is one."""

from __future__ import annotations

import logging
from typing import NamedTuple

SPARE_FILES = 100
"""Files that a process has open beside its connections."""
BACKLOG = 2048
"""Connections that may wait to be taken, as uvicorn has it. The event loop takes as many before it looks at one."""
_LEAST = 4

_log = logging.getLogger(__name__)


class Room(NamedTuple):
    """What there is room for."""

    connections: int
    backlog: int


def room_for(connections: int) -> Room:
    """Return how many connections, up to so many, this process may hold; it raises its own limit as far as it can.

    Beyond the limit none is taken, not even a probe's, and those that are idle are never asked to make room.
    """
    try:
        import resource
    except ImportError:  # Windows
        return Room(connections, BACKLOG)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE_FILES + BACKLOG
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return Room(connections, BACKLOG)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _within(soft, connections)


def _within(files: int, connections: int) -> Room:
    if files >= connections + SPARE_FILES + BACKLOG:
        return Room(connections, BACKLOG)
    # Some backlogs more may be open for a moment: one that is let settle, others that were taken meanwhile.
    room = min(connections, max(_LEAST, files - 2 * SPARE_FILES, files // 4))
    if room < connections:
        _log.warning(
            "a process may open %d files: %d connections, not OCR_MAX_CONNECTIONS=%d", files, room, connections
        )
    return Room(room, max(_LEAST, (files - SPARE_FILES - room) // 4))
