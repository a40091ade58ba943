"""Pages of PDFs, changed and put together. Imports little: it is what the child starts with."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import count
from typing import Any, BinaryIO

import pikepdf
from pikepdf import Dictionary, Name, StreamDecodeLevel
from pikepdf.settings import set_qpdf_limits

from ocr_core.formats.glyphless import write_font
from ocr_core.formats.qpdf.hidden_text import remove_hidden_text

log = logging.getLogger(__name__)

LARGEST = 64 << 20
"""Bytes that libqpdf may unpack a stream to: what it unpacks are objects and content, some megabytes at most, while
images stay packed. A limit of the process, set before its first PDF."""
FAULTS = (pikepdf.PdfError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What libqpdf and its bindings are known to raise on damaged files: an object may be of any type, or none."""

set_qpdf_limits(
    flate_max_memory=LARGEST, run_length_max_memory=LARGEST, png_max_memory=LARGEST, tiff_max_memory=LARGEST
)


class Source:
    """A document that pages come from, and the font of the text on them. Its methods raise `FAULTS`."""

    def __init__(self, pdf: pikepdf.Pdf, password: str | None = None) -> None:
        self.pdf = pdf
        self.password = password
        self._font = pdf.make_indirect(Dictionary())

    @classmethod
    def opened(cls, data: bytes, password: str | None = None) -> Source:
        """Open a file."""
        return cls(pikepdf.open(io.BytesIO(data), password=password or ""), password)

    def view(self, index: int) -> tuple[tuple[float, float, float, float, int], str]:
        """Return what of a page is seen, as `text_layer.View` has it, and a name for the font that is free there."""
        page = self.pdf.pages[index]
        resources = _copied(_inherited(page.obj, Name.Resources))
        fonts = _copied(resources.get(Name.Font))
        return view_of(page), next(name for name in _names("/OcrText") if name not in fonts)

    def lay(self, index: int, content: bytes, name: str, *, anew: bool) -> None:
        """Lay text on a page.

        Args:
            index: of the page, from 0.
            content: the content stream, as zlib packs it.
            name: what that calls the font.
            anew: the whole page was read, and the invisible text that it came with gives way.
        """
        page = self.pdf.pages[index]
        resources = _copied(_inherited(page.obj, Name.Resources))
        if anew:
            self._replace_hidden_text(page, resources)
        fonts = _copied(resources.get(Name.Font))
        fonts[name] = self._font
        resources.Font = fonts
        page.obj.Resources = resources
        # Before all else: there the coordinates are those of the page, whatever its content does to them.
        page.contents_add(self.pdf.make_stream(content, Filter=Name.FlateDecode), prepend=True)

    def finish(self, characters: str) -> None:
        """Complete the font, whose codes stand for `characters` in their order."""
        write_font(self.pdf, self._font, characters)

    def _replace_hidden_text(self, page: pikepdf.Page, resources: Dictionary) -> None:
        try:
            remove_hidden_text(self.pdf, page, resources)
        except FAULTS as error:
            log.info("a page keeps the invisible text that it came with: %s", error)


def save(pages: Sequence[tuple[Source, int]], file: BinaryIO) -> None:
    """Write pages as one document; raises `FAULTS`, and MemoryError where objects are missing for want of memory."""
    sources = list(dict.fromkeys(source for source, _ in pages))
    _write(sources, pages, file)
    if any("bad_alloc" in str(warning) for source in sources for warning in source.pdf.get_warnings()):
        raise MemoryError  # libqpdf takes an object that does not fit for a damaged one, and leaves it out


def _write(sources: list[Source], pages: Sequence[tuple[Source, int]], file: BinaryIO) -> None:
    if len(sources) == 1 and [index for _, index in pages] == list(range(len(sources[0].pdf.pages))):
        _store(sources[0].pdf, file, sources[0].pdf.is_encrypted)
        return
    # Chosen pages are copied, not the others taken out: those would stay in the file, where nobody sees them.
    with pikepdf.new() as pdf:
        for source, index in pages:
            pdf.pages.append(source.pdf.pages[index])
        secrets = [source.password for source in sources if source.pdf.is_encrypted]
        secret = next(filter(None, secrets), None)
        lock = pikepdf.Encryption(owner=secret, user=secret) if secret else None
        _store(pdf, file, lock)


def _store(pdf: pikepdf.Pdf, file: BinaryIO, lock: pikepdf.Encryption | bool | None) -> None:
    """Write a document; True keeps its encryption. Streams stay packed as they came, unless it is encrypted."""
    pdf.save(file, encryption=lock, stream_decode_level=None if lock else StreamDecodeLevel.none)


def reason(error: Exception) -> str:
    """Return what libqpdf says, without its name for the bytes that it was handed."""
    return re.sub(r"stream <[^>]*>(?:, |: )?", "", str(error))


def view_of(page: pikepdf.Page) -> tuple[float, float, float, float, int]:
    """Return what of a page is seen: the crop box, as far as it lies in the media box, turned by /Rotate.

    Returns:
        left, bottom, right and top, and degrees clockwise.
    """
    media = _box(page, Name.MediaBox) or (0.0, 0.0, 612.0, 792.0)
    crop = _box(page, Name.CropBox) or media
    seen = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        seen = media
    turn = _inherited(page.obj, Name.Rotate)
    degrees = int(turn) % 360 if isinstance(turn, int | Decimal) else 0
    return *seen, degrees if degrees in (90, 180, 270) else 0


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
