"""PDFium's C interface, as far as pages need it. Runs in the child alone."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2_raw as pdfium

from ocr_core.pages.pdfium.characters import describe_characters
from ocr_core.pages.pdfium.objects import find_annotations, find_objects, without

_REFUSALS = {pdfium.FPDF_ERR_PASSWORD: "password", pdfium.FPDF_ERR_SECURITY: "security"}


class Refusal(Exception):  # noqa: N818 — an answer, not a fault
    """What cannot be done: `password`, `security`, `damaged`, `page` or `memory`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NativeDocument:
    """An open document. `data` must stay what it is while the document is used.

    Raises:
        Refusal: it cannot be opened.
    """

    def __init__(self, data: bytes, password: str | None) -> None:
        pdfium.FPDF_InitLibrary()
        self._data = data
        self._document = self._open(password or "")
        self._count: int = pdfium.FPDF_GetPageCount(self._document)
        if self._count < 1:
            raise Refusal("damaged")
        # Values of form fields are drawn by it. Scripts are not: the library is built without an interpreter.
        self._form_info = pdfium.FPDF_FORMFILLINFO(version=2)
        self._form = None
        if pdfium.FPDF_GetFormType(self._document) != pdfium.FORMTYPE_NONE:
            self._form = pdfium.FPDFDOC_InitFormFillEnvironment(self._document, self._form_info)

    def __len__(self) -> int:
        return self._count

    def _open(self, password: str) -> Any:
        # Old encryptions take passwords in Latin-1, new ones in UTF-8.
        encodings = ("utf-8",) if password.isascii() else ("utf-8", "latin-1")
        for encoding in encodings:
            key = password.encode(encoding, "replace")
            document = pdfium.FPDF_LoadMemDocument64(self._data, len(self._data), key)
            if document:
                return document
            error = pdfium.FPDF_GetLastError()
        raise Refusal(_REFUSALS.get(error, "damaged"))

    def _load(self, index: int) -> Any:
        page = pdfium.FPDF_LoadPage(self._document, index)
        box = pdfium.FS_RECTF()
        if page and pdfium.FPDF_GetPageBoundingBox(page, box) and (box.left >= box.right or box.bottom >= box.top):
            # A crop box off the paper crops nothing, for viewers; an empty one counts as none.
            pdfium.FPDFPage_SetCropBox(page, 0, 0, 0, 0)
            pdfium.FPDF_ClosePage(page)
            page = pdfium.FPDF_LoadPage(self._document, index)
        if not page:
            raise Refusal("page")
        return page

    @contextmanager
    def page(self, index: int) -> Iterator[NativePage]:
        """Load a page, and free what it takes in the end.

        Raises:
            Refusal: the page is damaged.
        """
        page = self._load(index)
        try:
            if self._form:
                pdfium.FORM_OnAfterLoadPage(page, self._form)
            yield NativePage(page, self._form)
        finally:
            if self._form:
                pdfium.FORM_OnBeforeClosePage(page, self._form)
            pdfium.FPDF_ClosePage(page)


class NativePage:
    """A loaded page."""

    def __init__(self, page: Any, form: Any) -> None:
        self._page = page
        self._form = form

    def describe(self, characters: int, objects: int) -> tuple[dict[str, Any], memoryview]:
        """Return what stands on the page, at most so many characters and objects of it.

        `box` is left, bottom, right and top of what is seen, in user space; `rotation` is in degrees clockwise.
        The bytes are those of `characters.FIELDS`, one array after the other.
        """
        box = pdfium.FS_RECTF()
        pdfium.FPDF_GetPageBoundingBox(self._page, box)
        found = find_objects(self._page, objects)
        answer: dict[str, Any] = {
            "box": [box.left, box.bottom, box.right, box.top],
            "rotation": 90 * (pdfium.FPDFPage_GetRotation(self._page) % 4),
            "pictures": found.pictures,
            "annotations": find_annotations(self._page),
            "complete": found.complete,
        }
        answer["characters"], payload = describe_characters(self._page, found.texts, characters)
        return answer, payload

    def render(self, width: int, height: int) -> memoryview:
        """Return the page as it is printed, drawn on white: height × width × 3 bytes in BGR order."""
        pixels = (ctypes.c_uint8 * (width * height * 3))()
        bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_BGR, pixels, width * 3)
        if not bitmap:
            raise Refusal("memory")
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        flags = pdfium.FPDF_ANNOT | pdfium.FPDF_RENDER_FORCEHALFTONE
        pdfium.FPDF_RenderPageBitmap(bitmap, self._page, 0, 0, width, height, 0, flags)
        if self._form:
            pdfium.FPDF_FFLDraw(self._form, bitmap, self._page, 0, 0, width, height, 0, flags)
        pdfium.FPDFBitmap_Destroy(bitmap)
        return memoryview(pixels).cast("B")

    def uncover(self, width: int, height: int, layers: list[list[int]], objects: int) -> memoryview:
        """Return the page as `render` draws it, then once more after each layer of its text was taken off.

        Args:
            width: in pixels.
            height: in pixels.
            layers: text objects, by when they are painted.
            objects: most objects to look at.
        """
        texts = find_objects(self._page, objects).texts
        drawn = [self.render(width, height)]
        for layer in layers:
            without(texts, set(layer))
            drawn.append(self.render(width, height))
        return memoryview(b"".join(drawn))
