"""PDF files made by hand: objects put together, so that tests say what is in them, and may say nonsense."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

COURIER = b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>"
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
A4 = (595, 842)


def pdf(objects: Mapping[int, bytes], *, root: int = 1, trailer: bytes = b"") -> bytes:
    """Return a file of numbered objects with a right cross-reference table."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    out += b"trailer\n<</Size %d/Root %d 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, root, trailer, start)
    return bytes(out)


def stream(data: bytes, entries: bytes = b"", *, packed: bool = False) -> bytes:
    """Return a stream object."""
    if packed:
        data, entries = zlib.compress(data, 9), entries + b"/Filter/FlateDecode"
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def document(
    pages: Sequence[bytes],
    *,
    size: tuple[float, float] = A4,
    page: bytes = b"",
    resources: bytes = b"",
    objects: Mapping[int, bytes] | None = None,
    catalog: bytes = b"",
    packed: bool = False,
) -> bytes:
    """Return a PDF with these contents of pages.

    Args:
        pages: what is drawn on each.
        size: width and height of the pages.
        page: further entries of every page.
        resources: further entries of the resources, beside the fonts `/F` and, of typewriting, `/T`.
        objects: further objects, numbered from 5,000.
        catalog: further entries of the catalogue.
        packed: compress the contents.
    """
    kids = b" ".join(b"%d 0 R" % (10 + 2 * i) for i in range(len(pages)))
    body = {
        1: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        2: b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids),
        3: HELVETICA,
        4: COURIER,
    }
    for i, content in enumerate(pages):
        box = b"[0 0 %g %g]" % size
        body[10 + 2 * i] = (
            b"<</Type/Page/Parent 2 0 R/MediaBox%s/Contents %d 0 R/Resources<</Font<</F 3 0 R/T 4 0 R>>%s>>%s>>"
            % (box, 11 + 2 * i, resources, page)
        )
        body[11 + 2 * i] = stream(content, packed=packed)
    return pdf({**body, **(objects or {})})


def text(words: str, x: float = 72, y: float = 700, size: float = 12, *, more: str = "", font: str = "F") -> bytes:
    """Return the content that writes a line with its baseline from (x, y)."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")
    return b"BT /%s %g Tf 1 0 0 1 %g %g Tm %s (%s) Tj ET\n" % (font.encode(), size, x, y, more.encode(), escaped)


def paragraph(lines: Sequence[str], x: float = 72, y: float = 700, leading: float = 14, *, font: str = "F") -> bytes:
    """Return the content that writes lines one below the other."""
    return b"".join(text(line, x, y - leading * i, font=font) for i, line in enumerate(lines))


LINES = (
    "The quick brown fox jumps over the lazy dog,",
    "and nobody who saw it happen that day",
    "remembers afterwards what colour it was.",
)


def picture(pixels: np.ndarray, entries: bytes = b"") -> bytes:
    """Return an image object of H×W (grey) or H×W×3 (RGB) pixels."""
    height, width = pixels.shape[:2]
    space = b"/DeviceGray" if pixels.ndim == 2 else b"/DeviceRGB"
    return raw_picture(pixels.tobytes(), width, height, b"/ColorSpace%s%s" % (space, entries), packed=True)


def raw_picture(data: bytes, width: int, height: int, entries: bytes, *, bits: int = 8, packed: bool = False) -> bytes:
    """Return an image object with data as given."""
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent %d" % (width, height, bits)
    return stream(data, head + entries, packed=packed)


def place(name: str, x: float, y: float, width: float, height: float) -> bytes:
    """Return the content that draws an object into a box."""
    return b"q %g 0 0 %g %g %g cm /%s Do Q\n" % (width, height, x, y, name.encode())


def scan(pages: int = 2) -> bytes:
    """Return a PDF of pictures alone."""
    noise = np.random.default_rng(1).integers(0, 255, (200, 150), np.uint8)
    content = place("I", 0, 0, *A4)
    return document([content] * pages, resources=b"/XObject<</I 5000 0 R>>", objects={5000: picture(noise)})
