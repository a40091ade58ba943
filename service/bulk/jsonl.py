"""JSON Lines: a page a line, as `POST /v1/ocr` and `ocr read --json` give it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ocr_core.formats.base import FailedPage, Original
from ocr_core.pipeline.result import Line, Page, Quad, Word


class JsonLinesWriter:
    """Writes pages as lines. A page that failed has `error` in place of its size and lines."""

    def __init__(self, *, words: bool) -> None:
        self._words = words

    def page(self, original: Original, page: Page | FailedPage) -> bytes:
        """Return the line of a page."""
        # A name that is no Unicode cannot be told in JSON; the manifest escapes it so that Python finds the file again.
        name = original.name.encode(errors="surrogateescape").decode(errors="replace")
        body = {"file": name, "page": page.number} | (
            {"lines": [], "error": {"detail": page.reason}} if isinstance(page, FailedPage) else self._body(page)
        )
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"

    def end(self) -> Iterator[bytes]:
        """Give nothing: there is no closing mark."""
        yield from ()

    def _body(self, page: Page) -> dict[str, Any]:
        of_pdf = {} if page.dpi is None else {"source": page.source, "dpi": round(page.dpi, 2)}
        size = {"width": page.width, "height": page.height, "rotation": page.rotation}
        mixed = page.source == "embedded"
        return size | of_pdf | {"lines": [self._line(line, mixed=mixed) for line in page.lines]}

    def _line(self, line: Line, *, mixed: bool) -> dict[str, Any]:
        words = [_text(word) for word in line.words] if self._words else []
        return _text(line) | {"words": words} | ({"source": line.source} if mixed else {})


def _text(item: Line | Word) -> dict[str, Any]:
    confidence = min(1.0, max(0.0, round(float(item.confidence), 4)))
    return {"text": item.text, "confidence": confidence, "polygon": _corners(item.quad)}


def _corners(quad: Quad) -> Sequence[Sequence[float]]:
    return [[round(x, 2), round(y, 2)] for x, y in quad.astype(float).tolist()]
