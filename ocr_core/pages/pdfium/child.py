"""The process that runs PDFium: opens one document, and answers what its pages hold and how they look."""

from __future__ import annotations

from typing import Any

from ocr_core.child.serving import Send, serve
from ocr_core.pages.pdfium.native import NativeDocument, Refusal


def main() -> None:
    """Serve requests from standard input until it ends."""
    serve(_Pages().answer)


class _Pages:
    """The first request brings the document, all others ask for its pages."""

    def __init__(self) -> None:
        self._document: NativeDocument | None = None

    def answer(self, request: dict[str, Any], data: bytes, send: Send) -> None:
        found: dict[str, Any]
        try:
            if self._document is None:
                self._document = NativeDocument(data, request["password"])
                found, payload = {"pages": len(self._document)}, memoryview(b"")
            else:
                found, payload = _look_at(self._document, request)
        except Refusal as refusal:
            found, payload = {"refused": refusal.reason}, memoryview(b"")
        except MemoryError:
            found, payload = {"refused": "memory"}, memoryview(b"")
        send(found, payload)


def _look_at(document: NativeDocument, request: dict[str, Any]) -> tuple[dict[str, Any], memoryview]:
    with document.page(request["page"]) as page:
        if "layers" in request:
            return {}, page.uncover(request["width"], request["height"], request["layers"], request["objects"])
        if "width" in request:
            return {}, page.render(request["width"], request["height"])
        return page.describe(request["characters"], request["objects"])
