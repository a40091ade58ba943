"""The process that takes PDFs over: opens them, tells of their pages, lays text on them, and writes one PDF of them.

What its library refuses is an answer with `fault`; only an answer to `save` comes in pieces.
"""

from __future__ import annotations

import io
from typing import Any, cast

from ocr_core.child.serving import Send, serve
from ocr_core.child.wire import PIECE
from ocr_core.formats.qpdf.assembly import FAULTS, Source, reason, save


def main() -> None:
    """Serve requests from standard input until it ends."""
    serve(_Sources().answer)


class _Sources:
    """The documents, by the order in which they were opened."""

    def __init__(self) -> None:
        self._all: list[Source] = []

    def answer(self, request: dict[str, Any], data: bytes, send: Send) -> None:
        try:
            send(self._answer(request, data, send), b"")
        except FAULTS as error:
            send({"fault": reason(error)}, b"")
        except MemoryError:
            send({"fault": "it takes too much memory"}, b"")

    def _answer(self, request: dict[str, Any], data: bytes, send: Send) -> dict[str, Any]:
        match request["do"]:
            case "open":
                opened = Source.opened(data, request["password"])
                pages = len(opened.pdf.pages)  # which may fail, and then it has no number
                self._all.append(opened)
                return {"pages": pages}
            case "view":
                view, font = self._all[request["source"]].view(request["page"])
                return {"view": view, "font": font}
            case "lay":
                source = self._all[request["source"]]
                source.lay(request["page"], data, request["font"], anew=request["anew"])
            case "finish":
                self._all[request["source"]].finish(request["characters"])
            case "save":
                chosen = [(self._all[source], index) for source, index in request["pages"]]
                with io.BufferedWriter(_Pieces(send), PIECE) as file:
                    save(chosen, cast("io.BytesIO", file))
        return {}


class _Pieces(io.RawIOBase):
    """A file that is sent."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = memoryview(data)[:PIECE]
        self._send({"more": True}, piece)
        return piece.nbytes
