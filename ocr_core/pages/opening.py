"""Opening an upload of any kind."""

from __future__ import annotations

from ocr_core.errors import ImageError
from ocr_core.pages import images, tiff
from ocr_core.pages.document import Check, Document, SourcePage
from ocr_core.pages.limits import Limits
from ocr_core.pages.pdf import PdfDocument, is_pdf
from ocr_core.preprocess import Pixels


def is_document(data: bytes) -> bool:
    """Say whether a file is read page by page: a PDF, or a TIFF of several pictures."""
    if is_pdf(data):
        return True
    try:
        return tiff.is_tiff(data) and len(tiff.find_pictures(data)) > 1
    except ImageError:
        return False


def open_document(
    data: bytes,
    *,
    limits: Limits | None = None,
    password: str | None = None,
    look: bool = True,
    check: Check | None = None,
) -> Document:
    """Open a file as a sequence of pages.

    Args:
        data: a PDF, or an image in one of `images.FORMATS`: every picture of a TIFF is a page, of other formats the
            first is the only one.
        limits: what the file may cost.
        password: of an encrypted PDF; without use for all others.
        look: find out which text of a PDF leaves a mark, which takes as long as the rest; else it counts as seen where
            nothing speaks against it.
        check: called while waiting; whatever it raises ends the wait.

    Raises:
        DocumentError: a PDF that is damaged or asks for a password.
        ImageError: no format that is read here, or an image that is damaged or too large.
    """
    limits = limits or Limits()
    if is_pdf(data):
        return PdfDocument(data, limits=limits, password=password, look=look, check=check)
    if tiff.is_tiff(data):
        return _Pictures(data, tiff.find_pictures(data), limits)
    return _Pictures(data, [None], limits)


class _Pictures(Document):
    """An image, or a TIFF with the offsets of its pictures."""

    def __init__(self, data: bytes, offsets: list[int] | list[None], limits: Limits) -> None:
        self._data = data
        self._offsets = offsets
        self._limits = limits
        # A file of one picture fails here and now; those of several, page by page.
        self.format = images.probe(data).format if len(offsets) == 1 else "TIFF"

    def __len__(self) -> int:
        return len(self._offsets)

    def close(self) -> None:
        """Do nothing: pictures are decoded one by one."""

    def page(self, index: int, *, check: Check | None = None) -> SourcePage:
        """Return a picture, as `Document.page` tells."""
        if check is not None:
            check()
        offset = self._offsets[index]
        data = self._data if offset is None else tiff.with_picture(self._data, offset)
        header = images.probe(data)
        return SourcePage(
            number=index + 1, width=header.width, height=header.height, render=lambda check: self._decode(data, check)
        )

    def _decode(self, data: bytes, check: Check | None) -> Pixels:
        return images.decode(data, max_pixels=self._limits.pixels, check=check or _nothing).pixels


def _nothing() -> None:
    pass
