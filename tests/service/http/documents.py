"""Documents, and services that are asked to read them."""

from __future__ import annotations

import io

import numpy as np
from pdfs import A4, LINES, document, paragraph, picture, place
from PIL import Image
from service_fakes import encoded

URL = "/v1/ocr"
LINES_TYPE = {"accept": "application/x-ndjson"}
IMAGE = encoded()


def scan(pages: int = 2) -> bytes:
    """Return a PDF of pictures alone."""
    noise = np.random.default_rng(1).integers(0, 255, (200, 150), np.uint8)
    content = place("I", 0, 0, *A4)
    return document([content] * pages, resources=b"/XObject<</I 5000 0 R>>", objects={5000: picture(noise)})


def tiff(*sizes: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    first, *others = (Image.new("L", size, 200) for size in sizes)
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


SCAN = scan()
WRITTEN = document([paragraph(LINES)])
