"""PDF: the pages as they came, with the text that was read lying invisibly on them.

Nothing is rendered anew. A page of a PDF keeps what is seen of it and gets one stream before that, in place of the
invisible text that it had; an image becomes a page. If all pages of one PDF are written, in their order, the file keeps
its outline, its metadata and its encryption too.
"""

from __future__ import annotations

import io
import tempfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

import pikepdf
from pikepdf import Dictionary

from ocr_core.child.process import Check
from ocr_core.child.wire import PIECE
from ocr_core.errors import ImageError
from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.glyphless import GlyphlessFont, write_font
from ocr_core.formats.image_page import POINTS, add_image_page, add_page
from ocr_core.formats.qpdf.assembly import FAULTS, Source, reason, save
from ocr_core.formats.qpdf.process import QpdfProcess
from ocr_core.formats.text_layer import View, text_layer
from ocr_core.pages.pdf import is_pdf
from ocr_core.pipeline.result import Line, Page

A4 = (595.0, 842.0)
"""Points of the empty page that stands for an image that could not be read."""
TESSERACTS = "/f-0-0"
"""What OCRmyPDF calls the font of a page of text: by the name that Tesseract gives it."""
IN_MEMORY = 16 << 20
"""Larger documents go through a temporary file, if there may be any."""


class SearchablePdfWriter:
    """Writes a PDF. All bytes come at the end, since only then is it known which characters its fonts stand for.

    A page of a PDF that failed stays without text; a failed image is an empty page. PDFs are taken over by a process
    that is ended when that takes too long.

    Args:
        check: called while that process is waited for; whatever it raises ends the wait and the process.
    """

    def __init__(self, check: Check | None = None) -> None:
        self._check = check
        self._process: QpdfProcess | None = None
        self._opened = 0
        self._original: Original | None = None
        self._sources: list[_Taken | _Made] = []
        self._pages: list[tuple[_Taken | _Made, int]] = []

    def page(self, original: Original, page: Page | FailedPage) -> bytes:
        """Lay the text of a page on it.

        Raises:
            ImageError: the original cannot be taken into a PDF, though it could be read.
        """
        if self._original is not original:
            self._sources.append(self._source(original, page))
            self._original = original
        source = self._sources[-1]
        try:
            self._pages.append((source, source.add(page)))
        except (*FAULTS, ImageError) as error:
            raise ImageError(f"page {page.number} cannot be taken over: {reason(error)}") from error
        return b""

    def end(self) -> Iterator[bytes]:
        """Write the document.

        Raises:
            ImageError: an original is too damaged to be written.
        """
        with _spool() as file:
            try:
                self._save(file)
            except (*FAULTS, ImageError) as error:
                raise ImageError(f"the PDF is too damaged to be written: {reason(error)}") from error
            file.seek(0)
            while piece := file.read(PIECE):
                yield piece

    def _source(self, original: Original, page: Page | FailedPage) -> _Taken | _Made:
        if not is_pdf(original.data):
            return _Made(original)
        try:
            pages, number = self._open(original.data, original.password)
        except ImageError as error:
            if isinstance(page, FailedPage):  # nor could it be read
                return _Made(original)
            raise ImageError(f"the PDF cannot be taken over: {reason(error)}") from error
        assert self._process is not None
        return _Taken(self._process, number, pages)

    def _open(self, data: bytes, password: str | None = None) -> tuple[int, int]:
        """Open a document in the process and return how many pages it has, and its number there."""
        if self._process is None:
            self._process = QpdfProcess(self._check)
        try:
            pages = self._process.open(data, password)
        except ImageError:
            if not self._opened:
                self._process = None  # it may have ended, and nothing is lost with it
            raise
        self._opened += 1
        return pages, self._opened - 1

    def _save(self, file: BinaryIO) -> None:
        for source in self._sources:
            source.finish()
        if self._process is None:
            save([(source.source, index) for source, index in self._pages if isinstance(source, _Made)], file)
            return
        numbers = {source: self._number(source) for source in self._sources}
        file.writelines(self._process.save([(numbers[source], index) for source, index in self._pages]))

    def _number(self, source: _Taken | _Made) -> int:
        """Return the number of a document in the process; images among PDFs go there as one."""
        if isinstance(source, _Taken):
            return source.number
        with io.BytesIO() as made:
            save([(source.source, index) for index in range(len(source.source.pdf.pages))], made)
            return self._open(made.getvalue())[1]


def _spool() -> BinaryIO:
    """Return a file for a document: on disk once it is large, but for systems where nothing may be written."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return io.BytesIO()
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY))


def text_only_pdf(page: Page, dpi: tuple[float, float]) -> bytes:
    """Return a PDF of one page with nothing but invisible text, to be laid over a picture by others.

    Args:
        page: as it was read.
        dpi: pixels an inch, across and down, which say how large the page is.
    """
    width, height = page.width * POINTS / dpi[0], page.height * POINTS / dpi[1]
    with pikepdf.new() as pdf, io.BytesIO() as file:
        font, reference = GlyphlessFont(), pdf.make_indirect(Dictionary())
        content = text_layer(page.lines, (page.width, page.height), View(0, 0, width, height), font, TESSERACTS)
        add_page(pdf, (width, height), content, Dictionary(Font=Dictionary({TESSERACTS: reference})))
        write_font(pdf, reference, font.characters)
        pdf.save(file)
        return file.getvalue()


class _Taken:
    """A PDF that others made, open in the process as document `number`."""

    def __init__(self, process: QpdfProcess, number: int, pages: int) -> None:
        self.number = number
        self._process = process
        self._pages = pages
        self._font = GlyphlessFont()

    def add(self, page: Page | FailedPage) -> int:
        """Lay text on a page and return its index."""
        index = page.number - 1
        if index >= self._pages:
            raise ImageError("the PDF has no such page")
        lines = _lines(page)
        if isinstance(page, Page) and lines:
            view, name = self._process.view(self.number, index)
            content = text_layer(lines, (page.width, page.height), View(*view), self._font, name)
            self._process.lay(self.number, index, zlib.compress(content), name, anew=page.source == "ocr")
        return index

    def finish(self) -> None:
        """Complete the font."""
        self._process.finish(self.number, self._font.characters)


class _Made:
    """A document that is made of the pictures of one file."""

    def __init__(self, original: Original) -> None:
        self.source = Source(pikepdf.new())
        self._original = original
        self._font = GlyphlessFont()

    def add(self, page: Page | FailedPage) -> int:
        """Append a page, lay text on it and return its index."""
        pdf = self.source.pdf
        index = len(pdf.pages)
        if isinstance(page, FailedPage):
            add_page(pdf, A4)
            return index
        add_image_page(pdf, self._original, page)
        if lines := _lines(page):
            view, name = self.source.view(index)
            content = text_layer(lines, (page.width, page.height), View(*view), self._font, name)
            self.source.lay(index, zlib.compress(content), name, anew=False)
        return index

    def finish(self) -> None:
        """Complete the font."""
        self.source.finish(self._font.characters)


def _lines(page: Page | FailedPage) -> list[Line]:
    """Return the lines to write: what the file itself carries is there already."""
    return [] if isinstance(page, FailedPage) else [line for line in page.lines if line.source == "ocr"]
