"""What runs in a child: it answers requests until there are no more, within bounds of memory and time.

Its memory is bounded before a byte of a document is looked at, and so is its time, in case nobody is left to kill it.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ocr_core.child import wire

Send = Callable[[dict[str, Any], bytes | memoryview], None]
"""Sends an answer: an object and bytes."""
Answer = Callable[[dict[str, Any], bytes, Send], None]
"""Answers a request, an object and bytes, by one call of what it is handed, or more if the request asks for pieces."""

BASE = 128 << 20
"""Address space of Python and a library: 27 MB for PDFium, 40 for libqpdf, and room for stacks and heaps."""
_SPARE_SECONDS = 5
"""Beyond the time after which the other side kills."""
_NICENESS = 10
"""Where cores are short others get ten times as much of them: files made to take long slow down nobody but themselves,
while on an idle core a page takes as long as ever."""


def serve(answer: Answer) -> None:
    """Answer requests from standard input until it ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers

    def send(found: dict[str, Any], payload: bytes | memoryview) -> None:
        answers.write(wire.pack(found, memoryview(payload).nbytes))
        answers.write(payload)
        answers.flush()

    for number in (signal.SIGINT, signal.SIGTERM):  # which terminals and systemd send to all, who began it included:
        signal.signal(number, signal.SIG_IGN)  # that one ends it, and would take the document for a damaged one
    _give_way()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    while (message := wire.read(requests)) is not None:
        request, data = message
        _bound_time(request["seconds"])
        if "memory" in request:
            _bound_memory(request["memory"])
        answer(request, data, send)
    os._exit(0)  # without freeing what a broken document has left behind


def _give_way() -> None:
    """Let others go first where cores are short, and end first where memory is; as far as the system knows of it."""
    with suppress(OSError):
        os.nice(_NICENESS)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 — pathlib takes a moment
        score.write("1000")


def _bound_memory(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BASE + size, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _bound_time(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = math.ceil(used.ru_utime + used.ru_stime + seconds) + _SPARE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))
