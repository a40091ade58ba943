"""The process that runs PDFium: opens one document, and answers what its pages hold and how they look.

Started by `process`, which kills it when it takes too long. Its memory is bounded here, before a byte of the document
is looked at, and so is its time, in case nobody is left to kill it.
"""

from __future__ import annotations

import math
import os
import resource
import sys
from contextlib import suppress
from typing import Any

from ocr_core.pages.pdfium import wire
from ocr_core.pages.pdfium.native import NativeDocument, Refusal

_BASE = 128 << 20
"""Address space of Python and PDFium themselves: 27 MB, and room for stacks and heaps."""
_SPARE_SECONDS = 5
"""Beyond the time after which the other side kills."""
_NICENESS = 10
"""Where cores are short others get ten times as much of them: pages made to take long slow down nobody but themselves,
while on an idle core a page takes as long as ever."""


def main() -> None:
    """Serve requests from standard input until it ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    _give_way()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    document: NativeDocument | None = None
    while (message := wire.read(requests)) is not None:
        request, data = message
        _bound_time(request["seconds"])
        answer: dict[str, Any]
        try:
            if document is None:
                _bound_memory(request["memory"] + len(data))
                document = NativeDocument(data, request["password"])
                answer, payload = {"pages": len(document)}, memoryview(b"")
            else:
                answer, payload = _answer(document, request)
        except Refusal as refusal:
            answer, payload = {"refused": refusal.reason}, memoryview(b"")
        except MemoryError:
            answer, payload = {"refused": "memory"}, memoryview(b"")
        answers.write(wire.pack(answer, payload.nbytes))
        answers.write(payload)
        answers.flush()
    os._exit(0)  # without freeing what a broken document has left behind


def _answer(document: NativeDocument, request: dict[str, Any]) -> tuple[dict[str, Any], memoryview]:
    with document.page(request["page"]) as page:
        if "layers" in request:
            return {}, page.uncover(request["width"], request["height"], request["layers"], request["objects"])
        if "width" in request:
            return {}, page.render(request["width"], request["height"])
        return page.describe(request["characters"], request["objects"])


def _give_way() -> None:
    """Let others go first where cores are short, and end first where memory is; as far as the system knows of it."""
    with suppress(OSError):
        os.nice(_NICENESS)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 — pathlib takes a moment
        score.write("1000")


def _bound_memory(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_BASE + size, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _bound_time(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = math.ceil(used.ru_utime + used.ru_stime + seconds) + _SPARE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))
