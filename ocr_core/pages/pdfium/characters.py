"""The characters of a page's text layer, as PDFium tells them."""

from __future__ import annotations

import ctypes
import math
from array import array
from typing import Any

import pypdfium2_raw as pdfium

from ocr_core.pages.pdfium.fields import FIELDS, GENERATED, HYPHEN, UNSEEN
from ocr_core.pages.pdfium.objects import address


def describe_characters(page: Any, texts: dict[int, tuple[int, bool]], limit: int) -> tuple[int, memoryview]:
    """Return how many characters there are, and the arrays of `FIELDS`; none where there are more than `limit`.

    Args:
        page: the loaded page.
        texts: when each text object is painted and whether it is seen, by its address.
        limit: most characters to return.
    """
    layer = pdfium.FPDFText_LoadPage(page)
    if not layer:
        return 0, memoryview(b"")
    try:
        count = max(pdfium.FPDFText_CountChars(layer), 0)
        return count, memoryview(_arrays(layer, texts, count) if count <= limit else b"")
    finally:
        pdfium.FPDFText_ClosePage(layer)


def _arrays(layer: Any, texts: dict[int, tuple[int, bool]], count: int) -> bytes:
    arrays: dict[str, array[Any]] = {name: array(kind) for name, kind, _ in FIELDS}
    box, matrix = pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    for i in range(count):
        pdfium.FPDFText_GetLooseCharBox(layer, i, box)
        pdfium.FPDFText_GetCharBox(layer, i, left, right, bottom, top)
        pdfium.FPDFText_GetMatrix(layer, i, matrix)
        painted, seen = texts.get(address(pdfium.FPDFText_GetTextObject(layer, i)), (0, True))
        arrays["code"].append(pdfium.FPDFText_GetUnicode(layer, i))
        arrays["box"].extend((box.left, box.bottom, box.right, box.top))
        arrays["ink"].extend((left.value, bottom.value, right.value, top.value))
        arrays["angle"].append(math.atan2(matrix.b, matrix.a))
        arrays["size"].append(pdfium.FPDFText_GetFontSize(layer, i) * math.hypot(matrix.c, matrix.d))
        arrays["painted"].append(painted)
        arrays["flags"].append(
            GENERATED * (pdfium.FPDFText_IsGenerated(layer, i) == 1)
            | HYPHEN * (pdfium.FPDFText_IsHyphen(layer, i) == 1)
            | UNSEEN * (not seen)
        )
    return b"".join(values.tobytes() for values in arrays.values())
