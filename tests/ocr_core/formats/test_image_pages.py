"""Images as pages of a PDF."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pikepdf
import PIL.Image
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from written import line, quad, write

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.glyphless import ADVANCE, SPACE, font_file
from ocr_core.pages.images import decode
from ocr_core.pipeline.result import Page

ORIENTATION = 0x0112
SIZE = (60, 40)


def picture() -> PIL.Image.Image:
    """Return four quarters of different colours, lying: no two of its eight turns look the same."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[:20, :30], pixels[:20, 30:], pixels[20:, :30], pixels[20:, 30:] = (
        *((250, 30, 30), (30, 250, 30)),
        *((30, 30, 250), (240, 240, 240)),
    )
    return PIL.Image.fromarray(pixels)


def encoded(image: PIL.Image.Image, kind: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        image.save(file, kind, **options)
        return file.getvalue()


def as_pdf(data: bytes) -> tuple[bytes, np.ndarray]:
    """Return the PDF of an image, and the pixels that it should show."""
    pixels = decode(data).pixels
    height, width = pixels.shape[:2]
    page = Page(width=width, height=height, rotation=0, lines=(line("text", quad(5, 5, 30, 10)),))
    return write("pdf", page, original=Original(name="x", data=data)), pixels


def shown(data: bytes, width: int) -> np.ndarray:
    """Return the page in pixels of the image, BGR."""
    with pypdfium2.PdfDocument(data) as document:
        (page,) = document
        return page.render(scale=width / page.get_width()).to_numpy()[..., :3].copy()


@pytest.fixture
def stored() -> Iterator[Callable[[bytes], pikepdf.Stream]]:
    """Return the image of a PDF of one, which stays open until the test ends."""
    with ExitStack() as stack:
        yield lambda data: stack.enter_context(pikepdf.open(io.BytesIO(data))).pages[0].obj.Resources.XObject.Im0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpegs_are_kept_byte_by_byte_and_stand_upright(stored, orientation):
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(picture(), "JPEG", quality=95, exif=exif)
    written, pixels = as_pdf(data)
    assert stored(written).read_raw_bytes() == data
    inner = np.abs(shown(written, pixels.shape[1]).astype(int) - pixels)
    assert inner.shape == pixels.shape
    assert np.median(inner) < 3
    assert inner.mean() < 6


def test_jpegs_of_one_and_of_four_channels(stored):
    for mode in ("L", "CMYK"):
        data = encoded(picture().convert(mode), "JPEG", quality=95)
        written, pixels = as_pdf(data)
        assert stored(written).read_raw_bytes() == data
        # Two ways from CMYK to RGB; upside down it would be 120.
        assert np.abs(shown(written, 60).astype(int) - pixels).mean() < 45


LOSSLESS = {
    "colour": (lambda: picture(), "PNG", 8, pikepdf.Name.DeviceRGB),
    "WebP": (lambda: picture(), "WEBP", 8, pikepdf.Name.DeviceRGB),
    "palette": (lambda: picture().convert("P"), "GIF", 8, pikepdf.Name.DeviceRGB),
    "grey": (lambda: picture().convert("L"), "TIFF", 8, pikepdf.Name.DeviceGray),
    "black and white": (lambda: picture().convert("1"), "TIFF", 1, pikepdf.Name.DeviceGray),
    "transparent": (lambda: PIL.Image.new("RGBA", SIZE, (0, 0, 0, 0)), "PNG", 1, pikepdf.Name.DeviceGray),
    "black": (lambda: PIL.Image.new("L", SIZE, 0), "PNG", 1, pikepdf.Name.DeviceGray),
}


@pytest.mark.parametrize(("draw", "kind", "bits", "space"), LOSSLESS.values(), ids=LOSSLESS)
def test_all_other_images_lose_nothing(stored, draw, kind, bits, space):
    options = {"lossless": True} if kind == "WEBP" else {}
    written, pixels = as_pdf(encoded(draw(), kind, **options))
    image = stored(written)
    assert (image.BitsPerComponent, image.ColorSpace) == (bits, space)
    found = np.asarray(pikepdf.PdfImage(image).as_pil_image().convert("RGB"))[..., ::-1]
    assert (found == pixels).all()
    assert np.abs(shown(written, SIZE[0]).astype(int) - pixels).mean() < 1


def test_each_picture_of_a_tiff_is_a_page():
    pictures = [PIL.Image.new("L", (30 + 10 * i, 20), 50 * i) for i in range(3)]
    data = encoded(pictures[0], "TIFF", save_all=True, append_images=pictures[1:])
    pages = [Page(width=30 + 10 * i, height=20, rotation=0, lines=(), number=i + 1) for i in range(3)]
    written = write("pdf", *pages, original=Original(name="x.tif", data=data))
    with pypdfium2.PdfDocument(written) as document:
        greys = [each.render(scale=96 / 72).to_numpy()[10, 10, 0] for each in document]
    assert greys == [0, 50, 100]


def test_a_tiff_whose_first_picture_cannot_be_read_keeps_its_others():
    pictures = [PIL.Image.new("L", (40, 20), grey) for grey in (0, 50)]
    data = bytearray(encoded(pictures[0], "TIFF", save_all=True, append_images=pictures[1:]))
    first = struct.unpack_from("<I", data, 4)[0] + 2
    data[first : first + 24] = bytes(24)  # its width and height
    pages = (FailedPage(number=1, reason="damaged"), Page(width=40, height=20, rotation=0, lines=(), number=2))
    written = write("pdf", *pages, original=Original(name="x.tif", data=bytes(data)))
    with pypdfium2.PdfDocument(written) as document:
        assert [each.get_size() for each in document] == [(595, 842), (30, 15)]
        assert document[1].render(scale=96 / 72).to_numpy()[10, 10, 0] == 50


def test_jpegs_that_not_all_readers_understand_are_written_anew(stored):
    data = encoded(picture(), "JPEG")
    at = data.index(b"\xff\xc0")
    written, pixels = as_pdf(data[:at] + b"\0\0" + data[at:])  # bytes between two markers, which some leave out
    assert stored(written).Filter == pikepdf.Name.FlateDecode
    assert (shown(written, SIZE[0]) == pixels).all()


SIZES = {
    "a scanner's": ((1000, 2000), (200, 200), (360, 720)),
    "unknown": ((400, 800), None, (300, 600)),
    "unknown and large": ((4000, 2000), None, (842, 421)),
    "a camera's": ((400, 800), (72, 72), (300, 600)),
    "a fax's": ((1728, 1100), (204, 98), (610, 808)),
    "a fine fax's": ((1728, 4300), (204, 391), (610, 792)),
    "no scanner's": ((400, 800), (300, 72), (300, 600)),
    "larger than any page": ((30_000, 100), (100, 100), (14_400, 48)),
}


@pytest.mark.parametrize(("size", "dpi", "points"), SIZES.values(), ids=SIZES)
def test_pages_are_as_large_as_the_paper_was(size, dpi, points):
    data = encoded(PIL.Image.new("1", size, 1), "PNG", **({"dpi": dpi} if dpi else {}))
    page = Page(width=size[0], height=size[1], rotation=0, lines=())
    written = write("pdf", page, original=Original(name="x", data=data))
    with pikepdf.open(io.BytesIO(written)) as pdf:
        box = [float(value) for value in pdf.pages[0].mediabox]
    assert box == pytest.approx([0, 0, *points], rel=1e-3)


def test_each_picture_of_a_tiff_has_a_size_of_its_own():
    file = io.BytesIO()
    with PIL.TiffImagePlugin.AppendingTiffWriter(file) as writer:
        for dpi in ((200, 200), (204, 98)):
            PIL.Image.new("1", (1728, 1100), 1).save(writer, "TIFF", compression="group4", dpi=dpi)
            writer.newFrame()
    pages = [Page(width=1728, height=1100, rotation=0, lines=(), number=number) for number in (1, 2)]
    written = write("pdf", *pages, original=Original(name="fax.tif", data=file.getvalue()))
    with pypdfium2.PdfDocument(written) as document:
        assert [tuple(map(round, each.get_size())) for each in document] == [(622, 396), (610, 808)]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_turned_picture_is_as_large_as_the_paper_was(kind):
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = 6
    data = encoded(PIL.Image.new("L", (400, 800), 255), kind, dpi=(200, 100), exif=exif)
    page = Page(width=800, height=400, rotation=0, lines=())
    written = write("pdf", page, original=Original(name="x", data=data))
    with pypdfium2.PdfDocument(written) as document:
        assert document[0].get_size() == pytest.approx((576, 144))


def test_the_font_is_whole():
    with io.BytesIO(font_file()) as file:
        font = TTFont(file, checkChecksums=2)
        assert {"glyf", "head", "hhea", "hmtx", "loca", "maxp"} == set(font.keys()) - {"GlyphOrder"}
        assert [advance for advance, _ in font["hmtx"].metrics.values()] == [ADVANCE, ADVANCE, SPACE]
        outline = font["glyf"][font.getGlyphOrder()[1]]
        assert [tuple(point) for point in outline.coordinates] == [(0, -200), (ADVANCE, 800)]
