"""An image as a page of a PDF: JPEG as it came, everything else as it is read: 8 bits, opaque."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pikepdf
import PIL.Image
from numpy.typing import NDArray
from pikepdf import Array, Dictionary, Name

from ocr_core.formats.base import Original
from ocr_core.pages import tiff
from ocr_core.pages.images import decode, probe, resolution
from ocr_core.pipeline.result import Page

POINTS = 72
"""Units of a page in an inch."""
SCREEN_DPI = 96
"""Pixels an inch where the file does not say."""
LONGEST = 842.0
"""Points that a page of unknown resolution measures at most: the height of A4."""
WIDEST = 14_400.0
"""Points that a page may measure at most: PDF 32000-1:2008, annex C.2."""

_SPACES = {1: Name.DeviceGray, 3: Name.DeviceRGB, 4: Name.DeviceCMYK}
# How the unit square of a stored image comes to lie on an upright one, per EXIF orientation.
_UPRIGHT = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}


def add_image_page(pdf: pikepdf.Pdf, original: Original, page: Page) -> None:
    """Append a page that shows a picture of `original`, as large as it was on paper if that is known.

    Raises:
        ImageError: the file cannot be decoded.
    """
    picture = _picture(original.data, page)
    stored, orientation = _stored(pdf, picture, page)
    width, height = page_size(page, resolution(picture))
    a, b, c, d, e, f = _UPRIGHT[orientation]
    matrix = (a * width, b * height, c * width, d * height, e * width, f * height)
    numbers = " ".join(f"{value:.4f}" for value in matrix)
    resources = Dictionary(XObject=Dictionary(Im0=stored))
    add_page(pdf, (width, height), f"q {numbers} cm /Im0 Do Q\n".encode(), resources)


def add_page(
    pdf: pikepdf.Pdf, size: tuple[float, float], content: bytes = b"", resources: Dictionary | None = None
) -> None:
    """Append a page of `size` points; without content it is empty."""
    box = Array([0, 0, *(round(side, 4) for side in size)])
    page = Dictionary(Type=Name.Page, MediaBox=box, Resources=resources or Dictionary())
    if content:
        page.Contents = pdf.make_stream(content)
    pdf.pages.append(pikepdf.Page(page))


def page_size(page: Page, dpi: tuple[float, float] | None) -> tuple[float, float]:
    """Return width and height in points of an image with so many pixels an inch, across and down, if they are known."""
    if dpi:
        width, height = page.width * POINTS / dpi[0], page.height * POINTS / dpi[1]
    else:
        scale = min(POINTS / SCREEN_DPI, LONGEST / max(page.width, page.height))
        width, height = page.width * scale, page.height * scale
    within = min(1.0, WIDEST / max(width, height))
    return width * within, height * within


def _picture(data: bytes, page: Page) -> bytes:
    """Return the file whose first picture is the page: each of a TIFF has a resolution of its own."""
    return tiff.with_picture(data, tiff.find_pictures(data)[page.number - 1]) if tiff.is_tiff(data) else data


def _stored(pdf: pikepdf.Pdf, data: bytes, page: Page) -> tuple[pikepdf.Stream, int]:
    """Return the picture as an object of the PDF, and its EXIF orientation there."""
    jpeg = _Jpeg.of(data)
    if jpeg is None:
        # It was read within the limit that held then.
        return _lossless(pdf, decode(data, max_pixels=page.width * page.height).pixels), 1
    image = pdf.make_stream(
        data,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=jpeg.width,
        Height=jpeg.height,
        ColorSpace=_SPACES[jpeg.components],
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    if jpeg.components == 4 and jpeg.adobe:  # Adobe's programs write CMYK upside down, and all others as they do
        image.Decode = Array([1, 0] * 4)
    return image, probe(data).orientation


def _lossless(pdf: pikepdf.Pdf, pixels: NDArray[np.uint8]) -> pikepdf.Stream:
    """Return H×W×3 BGR pixels as an image; grey in one channel, black and white in one bit."""
    grey = pixels[..., 0]
    is_grey = bool((grey == pixels[..., 1]).all() and (grey == pixels[..., 2]).all())
    if not is_grey:
        picture, bits, colours = PIL.Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])), 8, 3
    elif bool(np.isin(grey, (0, 255)).all()):
        picture, bits, colours = PIL.Image.fromarray(grey > 0), 1, 1
    else:
        picture, bits, colours = PIL.Image.fromarray(np.ascontiguousarray(grey)), 8, 1
    with io.BytesIO() as buffer:
        picture.save(buffer, "PNG")
        rows = b"".join(data for tag, data in _png_chunks(buffer.getvalue()) if tag == b"IDAT")
    # The rows of a PNG are compressed and predicted in the way that PDF calls predictor 15.
    return pdf.make_stream(
        rows,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=picture.width,
        Height=picture.height,
        ColorSpace=_SPACES[colours],
        BitsPerComponent=bits,
        Filter=Name.FlateDecode,
        DecodeParms=Dictionary(Predictor=15, Colors=colours, BitsPerComponent=bits, Columns=picture.width),
    )


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        length, tag = struct.unpack_from(">I4s", data, at)
        yield tag, data[at + 8 : at + 8 + length]
        at += 12 + length


@dataclass(frozen=True, slots=True)
class _Jpeg:
    """What the markers of a JPEG say. Width and height as stored."""

    width: int
    height: int
    components: int
    adobe: bool

    @classmethod
    def of(cls, data: bytes) -> _Jpeg | None:
        """Read the markers up to the frame; None for what is no JPEG that a PDF may hold as it is."""
        if not data.startswith(b"\xff\xd8"):
            return None
        at, adobe = 2, False
        while at + 10 <= len(data) and data[at] == 0xFF:
            marker = data[at + 1]
            if marker == 0xFF:  # a fill byte
                at += 1
                continue
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                precision, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
                known = precision == 8 and components in _SPACES and height > 0
                return cls(width, height, components, adobe) if known else None
            adobe = adobe or (marker == 0xEE and data[at + 4 : at + 9] == b"Adobe")
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
        return None
