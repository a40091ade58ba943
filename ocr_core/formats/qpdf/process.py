"""This side's end of the process that takes PDFs over."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ocr_core.child.process import Check, ChildProcess, OutOfTimeError, ProcessDiedError
from ocr_core.child.wire import PIECE
from ocr_core.errors import ImageError
from ocr_core.pages.limits import Limits

SECONDS = Limits().page_seconds
"""Longest that the process may compute when a document is opened, a page taken over, or all of it written: milliseconds
mostly, a few seconds for hundreds of megabytes."""
PATIENCE = 10
"""Longest that it may take, as a multiple of that: it goes last where others need the cores."""
GROWTH, SPARE = 8, 16 << 20
"""What is written may be so many times as long as what came, and so many bytes more: objects are packed no more."""


class QpdfProcess:
    """A process with the PDFs of one answer open. It ends with this object at the latest.

    Whatever fails ends it for good, but for a file that cannot be opened.

    Args:
        check: called while waiting; whatever it raises ends the wait and the process.
    """

    def __init__(self, check: Check | None = None) -> None:
        self._process = ChildProcess("ocr_core.formats.qpdf.child", "pikepdf")
        self._end = weakref.finalize(self, self._process.kill)
        self._check = check
        self._taken = 0

    def open(self, data: bytes, password: str | None) -> int:
        """Open the next document and return the number of its pages.

        Raises:
            ImageError: it is damaged, or takes too long or too much memory; so all methods.
        """
        self._taken += len(data)
        memory = Limits().memory + GROWTH * self._taken
        answer = self._ask({"do": "open", "password": password, "memory": memory}, data)
        with _understood():
            return int(answer["pages"])

    def view(self, source: int, index: int) -> tuple[tuple[float, float, float, float, int], str]:
        """Return what `Source.view` does, of the document that was opened as number `source`, from 0."""
        answer = self._ask({"do": "view", "source": source, "page": index})
        with _understood():
            left, bottom, right, top = map(float, answer["view"][:4])
            return (left, bottom, right, top, int(answer["view"][4])), str(answer["font"])

    def lay(self, source: int, index: int, content: bytes, name: str, *, anew: bool) -> None:
        """Lay text on a page, as `Source.lay` does."""
        self._taken += len(content)
        self._ask({"do": "lay", "source": source, "page": index, "font": name, "anew": anew}, content)

    def finish(self, source: int, characters: str) -> None:
        """Complete the font of a document, as `Source.finish` does."""
        self._ask({"do": "finish", "source": source, "characters": characters})

    def save(self, pages: Sequence[tuple[int, int]]) -> Iterator[bytearray]:
        """Give the PDF of these pages, each a document and an index, in pieces, and end the process."""
        left = GROWTH * self._taken + SPARE
        request = {"do": "save", "pages": pages, "seconds": SECONDS}
        with _said("written"):
            for answer, piece in self._process.ask_for_pieces(
                request, limit=PIECE, seconds=PATIENCE * SECONDS, check=self._check
            ):
                _require_done(answer)
                left -= len(piece)
                if left < 0:
                    raise ProcessDiedError("it writes without end")
                yield piece
        self._end()

    def _ask(self, request: dict[str, Any], data: bytes = b"") -> dict[str, Any]:
        request["seconds"] = SECONDS
        with _said("taken over"):
            answer, _ = self._process.ask(request, data, limit=0, seconds=PATIENCE * SECONDS, check=self._check)
            return _require_done(answer)


def _require_done(answer: dict[str, Any]) -> dict[str, Any]:
    if "fault" in answer:
        raise ImageError(str(answer["fault"]))
    return answer


@contextmanager
def _understood() -> Iterator[None]:
    """Whoever takes the process over by a crafted file may answer anything."""
    try:
        yield
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise ImageError("it is damaged") from error


@contextmanager
def _said(done: str) -> Iterator[None]:
    """Turn what a process may do into what went wrong with the file."""
    try:
        yield
    except OutOfTimeError:
        raise ImageError(f"it takes too long to be {done}") from None
    except ProcessDiedError as error:
        raise ImageError(f"it is damaged or takes too much to be {done}") from error
