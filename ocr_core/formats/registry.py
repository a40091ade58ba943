"""The formats by name. JSON is not among them: it is the service's own, and its schema lies there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ocr_core.child.process import Check
from ocr_core.formats.alto import AltoWriter
from ocr_core.formats.base import Format, NewWriter, Writer
from ocr_core.formats.hocr import HocrWriter
from ocr_core.formats.markdown import MarkdownWriter
from ocr_core.formats.text import TextWriter
from ocr_core.formats.tsv import TsvWriter


def _pdf_writer(check: Check | None = None) -> Writer:
    # Imported when it is wanted: libqpdf takes a moment and some megabytes.
    from ocr_core.formats.searchable_pdf import SearchablePdfWriter

    return SearchablePdfWriter(check)


def _at_once(writer: Callable[[], Writer]) -> NewWriter:
    """Return a maker of writers that nobody waits for."""
    return lambda check=None: writer()  # noqa: ARG005


_ALL = (
    Format(
        name="text", media_type="text/plain; charset=utf-8", suffix=".txt", words=True, new_writer=_at_once(TextWriter)
    ),
    Format(
        name="markdown",
        media_type="text/markdown; charset=utf-8",
        suffix=".md",
        words=True,
        new_writer=_at_once(MarkdownWriter),
    ),
    Format(
        name="tsv",
        media_type="text/tab-separated-values; charset=utf-8",
        suffix=".tsv",
        words=True,
        new_writer=_at_once(TsvWriter),
    ),
    Format(
        name="hocr",
        media_type="text/vnd.hocr+html; charset=utf-8",
        suffix=".hocr",
        words=True,
        new_writer=_at_once(HocrWriter),
    ),
    Format(name="alto", media_type="application/alto+xml", suffix=".xml", words=True, new_writer=_at_once(AltoWriter)),
    Format(name="pdf", media_type="application/pdf", suffix=".pdf", words=True, new_writer=_pdf_writer),
)

FORMATS: Mapping[str, Format] = {each.name: each for each in _ALL}
"""In the order in which documentation lists them."""
