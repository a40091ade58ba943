"""What a page is made of: where its pictures lie, what its text objects are, which annotations it has."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pypdfium2_raw as pdfium

_MAX_DEPTH = 12
"""Forms within forms. PDFium itself stops at some depth; real pages have two or three."""
_MAX_PICTURES = 5_000
"""Pictures that are told of: some programs cut a scan into a thousand strips."""
_UNSEEN_MODES = frozenset({pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP})
_WITH_TEXT = frozenset(
    {pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP, pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_INK}
)
_UNSEEN_FLAGS = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW

_Matrix = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f of PDF: x' = a·x + c·y + e, y' = b·x + d·y + f."""
_IDENTITY: _Matrix = (1, 0, 0, 1, 0, 0)


@dataclass(slots=True)
class Objects:
    """The objects of a page, in the order in which they are painted."""

    pictures: list[list[float]] = field(default_factory=list)
    """Of each picture: x and y of its corners in user space (8), width and height in pixels of its own, when it is
    painted, and whether what lies below shows through it."""
    texts: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """Of each text object, by address: when it is painted, and whether that leaves a mark."""
    seen: int = 0
    complete: bool = True
    """False if there were more than were looked at."""


def find_objects(page: Any, limit: int) -> Objects:
    """Walk the page's objects and those of the forms in it, at most `limit` of them."""
    found = Objects()
    _walk(found, pdfium.FPDFPage_CountObjects(page), lambda i: pdfium.FPDFPage_GetObject(page, i), _IDENTITY, 0, limit)
    return found


def address(pointer: Any) -> int:
    """Return what tells one object from another."""
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def without(texts: dict[int, tuple[int, bool]], painted: set[int]) -> None:
    """Take text objects off the page, as long as it is loaded: those that are painted then."""
    for place, (when, _) in texts.items():
        if when in painted:
            pdfium.FPDFPageObj_SetIsActive(ctypes.cast(place, pdfium.FPDF_PAGEOBJECT), 0)


def find_annotations(page: Any) -> list[list[float]]:
    """Return left, bottom, right and top, in user space, of the annotations that may show text of their own."""
    found = []
    for i in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MAX_PICTURES)):
        annotation = pdfium.FPDFPage_GetAnnot(page, i)
        if not annotation:
            continue
        rect = pdfium.FS_RECTF()
        if (
            pdfium.FPDFAnnot_GetSubtype(annotation) in _WITH_TEXT
            and not pdfium.FPDFAnnot_GetFlags(annotation) & _UNSEEN_FLAGS
            and pdfium.FPDFAnnot_GetRect(annotation, rect)
        ):
            box = [rect.left, rect.bottom, rect.right, rect.top]
            if all(map(math.isfinite, box)):
                found.append(box)
        pdfium.FPDFPage_CloseAnnot(annotation)
    return found


def _walk(found: Objects, count: int, get: Callable[[int], Any], base: _Matrix, depth: int, limit: int) -> None:
    for i in range(count):
        found.seen += 1
        if found.seen > limit or depth > _MAX_DEPTH:
            found.complete = False
            return
        item = get(i)
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            found.texts[address(item)] = (found.seen, pdfium.FPDFTextObj_GetTextRenderMode(item) not in _UNSEEN_MODES)
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE and len(found.pictures) >= _MAX_PICTURES:
            found.complete = False
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            found.pictures.extend(_picture(item, base, found.seen))
        elif kind == pdfium.FPDF_PAGEOBJ_FORM:
            inner = pdfium.FPDFFormObj_CountObjects(item)
            _walk(found, inner, _getter(item), _product(_matrix(item), base), depth + 1, limit)


def _getter(form: Any) -> Callable[[int], Any]:
    return lambda i: pdfium.FPDFFormObj_GetObject(form, i)


def _picture(item: Any, base: _Matrix, when: int) -> list[list[float]]:
    width, height = ctypes.c_uint(), ctypes.c_uint()
    pdfium.FPDFImageObj_GetImagePixelSize(item, width, height)
    # A picture fills the unit square of its own space.
    a, b, c, d, e, f = _product(_matrix(item), base)
    corners = [e, f, a + e, b + f, a + c + e, b + d + f, c + e, d + f]
    if not all(map(math.isfinite, corners)):
        return []
    return [[*corners, width.value, height.value, when, pdfium.FPDFPageObj_HasTransparency(item)]]


def _matrix(item: Any) -> _Matrix:
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(item, matrix):
        return _IDENTITY
    return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _product(first: _Matrix, then: _Matrix) -> _Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)
