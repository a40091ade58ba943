"""First pages of drawn PDFs."""

from __future__ import annotations

import cv2
import numpy as np
from pdfs import LINES, document, paragraph, picture

from ocr_core.pages.opening import open_document

FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]"
PARAGRAPH = paragraph(LINES)


def first_page(data, **options):
    """Return the first page of a PDF with its pixels."""
    with open_document(data, **options) as opened:
        page = opened.page(0)
        return page, page.render(None)


def with_picture(pixels, content, *, image=b"", **options):
    return document([content], resources=b"/XObject<</X 5000 0 R>>", objects={5000: picture(pixels, image)}, **options)


def drawn_outside(page, pixels, *, margin=2):
    """Return how many dark pixels stand outside the lines' quads, which grow by a margin."""
    mask = np.zeros(pixels.shape[:2], np.uint8)
    for line in page.lines:
        cv2.fillConvexPoly(mask, np.round(line.quad).astype(np.int32), 255)
    mask = cv2.dilate(mask, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))
    dark = pixels.min(axis=2) < 128
    assert dark.sum() > 500
    return int((dark & (mask == 0)).sum())
