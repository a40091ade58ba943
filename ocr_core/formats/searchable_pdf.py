"""PDF: the pages as they came, with the text that was read lying invisibly on them.

Nothing is rendered anew. A page of a PDF keeps what is seen of it and gets one stream before that, in place of the
invisible text that it had; an image becomes a page. If all pages of one PDF are written, in their order, the file keeps
its outline, its metadata and its encryption too.
"""

from __future__ import annotations

import io
import logging
import re
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any, BinaryIO, cast

import pikepdf
from pikepdf import Dictionary, Name, StreamDecodeLevel
from pikepdf.settings import set_qpdf_limits

from ocr_core.errors import ImageError
from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.glyphless import GlyphlessFont
from ocr_core.formats.hidden_text import remove_hidden_text
from ocr_core.formats.image_page import POINTS, add_image_page, add_page
from ocr_core.formats.text_layer import View, text_layer
from ocr_core.pages.pdf import is_pdf
from ocr_core.pipeline.result import Page

log = logging.getLogger(__name__)

LARGEST = 64 << 20
"""Bytes that libqpdf may unpack a stream to: what it unpacks are objects and content, some megabytes at most, while
images stay packed. A limit of the process, set before its first PDF."""

A4 = (595.0, 842.0)
"""Points of the empty page that stands for an image that could not be read."""
FAULTS = (pikepdf.PdfError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What libqpdf and its bindings are known to raise on damaged files: an object may be of any type, or none."""
PIECE = 1 << 20
"""Bytes that are handed on at once."""
TESSERACTS = "/f-0-0"
"""What OCRmyPDF calls the font of a page of text: by the name that Tesseract gives it."""
IN_MEMORY = 16 << 20
"""Larger documents go through a temporary file, if there may be any."""


set_qpdf_limits(
    flate_max_memory=LARGEST, run_length_max_memory=LARGEST, png_max_memory=LARGEST, tiff_max_memory=LARGEST
)


class SearchablePdfWriter:
    """Writes a PDF. All bytes come at the end, since only then is it known which characters its fonts stand for.

    A page of a PDF that failed stays without text; a failed image is an empty page.
    """

    def __init__(self) -> None:
        self._sources: list[_Source] = []
        self._pages: list[tuple[_Source, int]] = []

    def page(self, original: Original, page: Page | FailedPage) -> bytes:
        """Lay the text of a page on it.

        Raises:
            ImageError: the original cannot be taken into a PDF, though it could be read.
        """
        if not self._sources or self._sources[-1].original is not original:
            self._sources.append(_Source.of(original, page))
        source = self._sources[-1]
        try:
            self._pages.append((source, source.add(page)))
        except FAULTS as error:
            raise ImageError(f"page {page.number} cannot be taken over: {_reason(error)}") from error
        return b""

    def end(self) -> Iterator[bytes]:
        """Write the document.

        Raises:
            ImageError: an original is too damaged to be written.
        """
        for source in self._sources:
            source.finish()
        with _spool() as file:
            try:
                self._save(file)
            except FAULTS as error:
                raise ImageError(f"the PDF is too damaged to be written: {_reason(error)}") from error
            file.seek(0)
            while piece := file.read(PIECE):
                yield piece

    def _save(self, file: BinaryIO) -> None:
        sources = self._sources
        if len(sources) == 1 and [index for _, index in self._pages] == list(range(len(sources[0].pdf.pages))):
            _store(sources[0].pdf, file, sources[0].pdf.is_encrypted)
            return
        # Chosen pages are copied, not the others taken out: those would stay in the file, where nobody sees them.
        with pikepdf.new() as pdf:
            for source, index in self._pages:
                pdf.pages.append(source.pdf.pages[index])
            secrets = [source.original.password for source in sources if source.pdf.is_encrypted]
            secret = next(filter(None, secrets), None)
            lock = pikepdf.Encryption(owner=secret, user=secret) if secret else None
            _store(pdf, file, lock)


def _spool() -> BinaryIO:
    """Return a file for a document: on disk once it is large, but for systems where nothing may be written."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return io.BytesIO()
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY))


def _store(pdf: pikepdf.Pdf, file: BinaryIO, lock: pikepdf.Encryption | bool | None) -> None:
    """Write a document; True keeps its encryption. Streams stay packed as they came, unless it is encrypted."""
    pdf.save(file, encryption=lock, stream_decode_level=None if lock else StreamDecodeLevel.none)


def text_only_pdf(page: Page, dpi: tuple[float, float]) -> bytes:
    """Return a PDF of one page with nothing but invisible text, to be laid over a picture by others.

    Args:
        page: as it was read.
        dpi: pixels an inch, across and down, which say how large the page is.
    """
    width, height = page.width * POINTS / dpi[0], page.height * POINTS / dpi[1]
    with pikepdf.new() as pdf, io.BytesIO() as file:
        font = GlyphlessFont(pdf)
        content = text_layer(page.lines, (page.width, page.height), View(0, 0, width, height), font, TESSERACTS)
        add_page(pdf, (width, height), content, Dictionary(Font=Dictionary({TESSERACTS: font.reference})))
        font.finish()
        pdf.save(file)
        return file.getvalue()


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A document that pages come from, and the font of the text on them."""

    original: Original
    pdf: pikepdf.Pdf
    is_pdf: bool
    font: GlyphlessFont = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "font", GlyphlessFont(self.pdf))

    @classmethod
    def of(cls, original: Original, page: Page | FailedPage) -> _Source:
        if not is_pdf(original.data):
            return cls(original, pikepdf.new(), is_pdf=False)
        try:
            pdf = pikepdf.open(io.BytesIO(original.data), password=original.password or "")
            return cls(original, pdf, is_pdf=True)
        except FAULTS as error:
            if isinstance(page, FailedPage):  # nor could it be read
                return cls(original, pikepdf.new(), is_pdf=False)
            raise ImageError(f"the PDF cannot be taken over: {_reason(error)}") from error

    def add(self, page: Page | FailedPage) -> int:
        """Lay text on a page and return its index."""
        index = page.number - 1
        if not self.is_pdf:
            index = len(self.pdf.pages)
            if isinstance(page, FailedPage):
                add_page(self.pdf, A4)
            else:
                add_image_page(self.pdf, self.original, page)
        elif index >= len(self.pdf.pages):
            raise ImageError(f"the PDF has no page {page.number} that can be taken over")
        if isinstance(page, Page):
            self._lay(page, self.pdf.pages[index])
        return index

    def finish(self) -> None:
        """Complete the font."""
        self.font.finish()

    def _lay(self, page: Page, target: pikepdf.Page) -> None:
        # What the file itself carries is there already.
        lines = [line for line in page.lines if line.source == "ocr"]
        if not lines:
            return
        resources = _copied(_inherited(target.obj, Name.Resources))
        if page.source == "ocr":  # all of it was read now
            self._replace_hidden_text(target, resources)
        fonts = _copied(resources.get(Name.Font))
        name = next(name for name in _names("/OcrText") if name not in fonts)
        fonts[name] = self.font.reference
        resources.Font = fonts
        target.obj.Resources = resources
        content = text_layer(lines, (page.width, page.height), view_of(target), self.font, name)
        stream = self.pdf.make_stream(zlib.compress(content), Filter=Name.FlateDecode)
        # Before all else: there the coordinates are those of the page, whatever its content does to them.
        target.contents_add(stream, prepend=True)

    def _replace_hidden_text(self, target: pikepdf.Page, resources: Dictionary) -> None:
        try:
            remove_hidden_text(self.pdf, target, resources)
        except FAULTS as error:
            log.info("a page keeps the invisible text that it came with: %s", error)


def _reason(error: Exception) -> str:
    """Return what libqpdf says, without its name for the bytes that it was handed."""
    return re.sub(r"stream <[^>]*>(?:, |: )?", "", str(error))


def view_of(page: pikepdf.Page) -> View:
    """Return what of a page is seen: the crop box, as far as it lies in the media box, turned by /Rotate."""
    media = _box(page, Name.MediaBox) or (0.0, 0.0, 612.0, 792.0)
    crop = _box(page, Name.CropBox) or media
    seen = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        seen = media
    turn = _inherited(page.obj, Name.Rotate)
    degrees = int(turn) % 360 if isinstance(turn, int | Decimal) else 0
    return View(*seen, degrees if degrees in (90, 180, 270) else 0)


def _box(page: pikepdf.Page, key: Name) -> tuple[float, float, float, float] | None:
    """Return left, bottom, right and top of a box that is there and not empty."""
    found = _inherited(page.obj, key)
    try:
        x0, y0, x1, y1 = (float(value) for value in found)
    except (TypeError, ValueError):
        return None
    box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _inherited(node: pikepdf.Object, key: Name) -> Any:
    """Return an attribute of a page, or of the nodes above it."""
    for _ in range(64):  # a tree as deep as this is none
        if key in node:
            return node[key]
        if Name.Parent not in node:
            return None
        node = node.Parent
    return None


def _names(stem: str) -> Iterator[str]:
    """Give names that begin alike, the first without a number."""
    yield stem
    yield from (f"{stem}{number}" for number in count(1))


def _copied(found: object) -> Dictionary:
    """Return a copy of a dictionary, whose values stay what they refer to; an empty one for all else."""
    return Dictionary(dict(found.items())) if isinstance(found, Dictionary) else Dictionary()
