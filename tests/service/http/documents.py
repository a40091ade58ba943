"""Documents, and services that are asked to read them."""

from __future__ import annotations

import io

from pdfs import LINES, document, paragraph, scan
from PIL import Image
from service_fakes import encoded

URL = "/v1/ocr"
LINES_TYPE = {"accept": "application/x-ndjson"}
IMAGE = encoded()


def tiff(*sizes: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    first, *others = (Image.new("L", size, 200) for size in sizes)
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


SCAN = scan()
WRITTEN = document([paragraph(LINES)])
