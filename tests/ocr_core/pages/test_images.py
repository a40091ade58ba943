from __future__ import annotations

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
from pictures import (
    BLACK,
    BLUE,
    FADED,
    GREY,
    GREYS,
    OTHER,
    PICTURE,
    RED,
    RGB,
    SIDEWAYS,
    TWO,
    WHITE,
    WHITE_STRIPE,
    big_endian_tiff,
    deep,
    encode,
    exif_block,
    float_tiff,
    palette,
    png,
    png16,
    quarters,
    rows,
    stripes_of,
    with_alpha,
)

from ocr_core.pages.images import FORMATS, decode, probe

# Pillow warns of damage that it reads past; pytest would make errors of that.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize(
    ("data", "image_format", "pixels", "tolerance"),
    [
        pytest.param(encode(RGB, "JPEG", quality=95, subsampling=0), "JPEG", PICTURE, 12, id="JPEG"),
        pytest.param(
            encode(RGB, "JPEG", quality=95, subsampling=0, progressive=True),
            "JPEG",
            PICTURE,
            12,
            id="JPEG, progressive",
        ),
        pytest.param(encode(GREY, "JPEG", quality=95), "JPEG", GREYS, 6, id="JPEG, grey"),
        pytest.param(encode(RGB.convert("CMYK"), "JPEG", quality=95), "JPEG", PICTURE, 12, id="JPEG, CMYK"),
        pytest.param(
            encode(RGB, "MPO", quality=95, subsampling=0, then=OTHER), "JPEG", PICTURE, 12, id="JPEG of two pictures"
        ),
        pytest.param(encode(RGB, "PNG"), "PNG", PICTURE, 0, id="PNG"),
        pytest.param(encode(GREY, "PNG"), "PNG", GREYS, 0, id="PNG, grey"),
        pytest.param(encode(PIL.Image.fromarray(TWO).convert("1"), "PNG"), "PNG", TWO, 0, id="PNG, 1 bit"),
        pytest.param(
            encode(palette(RED, BLUE), "PNG", bits=1), "PNG", stripes_of(RED, BLUE), 0, id="PNG, 1-bit palette"
        ),
        pytest.param(
            encode(palette(WHITE, BLACK), "PNG", bits=1),
            "PNG",
            stripes_of(WHITE, BLACK),
            0,
            id="PNG, 1-bit palette with white first",
        ),
        pytest.param(
            encode(palette(BLACK, BLUE, RED), "PNG", bits=2),
            "PNG",
            stripes_of(BLACK, BLUE, RED),
            0,
            id="PNG, 2-bit palette",
        ),
        pytest.param(
            encode(palette(BLACK, BLUE, RED), "PNG", transparency=1),
            "PNG",
            WHITE_STRIPE,
            0,
            id="PNG, palette with a transparent entry",
        ),
        pytest.param(
            encode(palette(BLACK, BLUE, RED), "PNG", transparency=b"\xff\0\xff"),
            "PNG",
            WHITE_STRIPE,
            0,
            id="PNG, palette with an alpha of its own",
        ),
        pytest.param(encode(with_alpha(PICTURE, 0), "PNG"), "PNG", FADED, 0, id="PNG, RGBA"),
        pytest.param(encode(with_alpha(PICTURE, 255), "PNG"), "PNG", PICTURE, 0, id="PNG, RGBA without a hole"),
        pytest.param(
            encode(with_alpha(GREYS[..., :1], 0), "PNG"),
            "PNG",
            np.where(np.arange(16)[:, None, None] < 8, GREYS, 255),
            0,
            id="PNG, grey with alpha",
        ),
        pytest.param(
            encode(RGB, "PNG", transparency=BLUE),
            "PNG",
            quarters(BLACK, WHITE, RED, WHITE),
            0,
            id="PNG, a transparent colour",
        ),
        pytest.param(
            encode(GREY, "PNG", transparency=100),
            "PNG",
            quarters(BLACK, WHITE, WHITE, (200,) * 3),
            0,
            id="PNG, a transparent grey",
        ),
        pytest.param(png16(deep(np.uint16, 257)), "PNG", GREYS, 0, id="PNG, 16-bit grey"),
        pytest.param(png16(PICTURE[..., ::-1].astype(np.uint16) * 257), "PNG", PICTURE, 0, id="PNG, 16-bit colours"),
        pytest.param(encode(RGB, "WEBP", lossless=True), "WEBP", PICTURE, 0, id="WebP, lossless"),
        pytest.param(encode(GREY, "WEBP", quality=100), "WEBP", GREYS, 6, id="WebP"),
        pytest.param(encode(with_alpha(PICTURE, 0), "WEBP", lossless=True), "WEBP", FADED, 0, id="WebP, RGBA"),
        pytest.param(encode(RGB, "WEBP", lossless=True, then=OTHER), "WEBP", PICTURE, 0, id="WebP, first frame"),
        pytest.param(encode(RGB, "BMP"), "BMP", PICTURE, 0, id="BMP"),
        pytest.param(encode(PIL.Image.fromarray(TWO).convert("1"), "BMP"), "BMP", TWO, 0, id="BMP, 1 bit"),
        pytest.param(encode(palette(RED, BLUE), "BMP"), "BMP", stripes_of(RED, BLUE), 0, id="BMP, palette"),
        pytest.param(encode(palette(BLACK, BLUE, RED), "GIF"), "GIF", stripes_of(BLACK, BLUE, RED), 0, id="GIF"),
        pytest.param(
            encode(palette(RED, BLUE), "GIF", then=palette(BLUE, RED)),
            "GIF",
            stripes_of(RED, BLUE),
            0,
            id="GIF, first frame",
        ),
        pytest.param(
            encode(palette(BLACK, BLUE, RED), "GIF", transparency=1), "GIF", WHITE_STRIPE, 0, id="GIF, transparent"
        ),
        pytest.param(encode(RGB, "TIFF"), "TIFF", PICTURE, 0, id="TIFF"),
        pytest.param(encode(RGB, "TIFF", compression="tiff_lzw"), "TIFF", PICTURE, 0, id="TIFF, LZW"),
        pytest.param(encode(RGB, "TIFF", then=OTHER), "TIFF", PICTURE, 0, id="TIFF, first page"),
        pytest.param(
            encode(PIL.Image.fromarray(TWO).convert("1"), "TIFF", compression="group4"), "TIFF", TWO, 0, id="TIFF, fax"
        ),
        pytest.param(encode(RGB.convert("CMYK"), "TIFF"), "TIFF", PICTURE, 0, id="TIFF, CMYK"),
        pytest.param(encode(PIL.Image.fromarray(deep(np.uint16, 257)), "TIFF"), "TIFF", GREYS, 0, id="TIFF, 16 bits"),
        pytest.param(big_endian_tiff(), "TIFF", GREYS, 0, id="TIFF, 16 bits, big endian"),
        pytest.param(encode(PIL.Image.fromarray(deep(np.int32, 1000)), "TIFF"), "TIFF", GREYS, 0, id="TIFF, 32 bits"),
        pytest.param(
            encode(PIL.Image.fromarray(deep(np.float32, 1e36)), "TIFF"), "TIFF", GREYS, 1, id="TIFF, huge floats"
        ),
        pytest.param(float_tiff(), "TIFF", GREYS, 0, id="TIFF, floats, some of them no numbers"),
    ],
)
def test_formats(data, image_format, pixels, tolerance):
    image = decode(data)
    assert (image.header.format, image.header.width, image.header.height) == (image_format, 24, 16)
    assert image.header == probe(data)
    assert image.header.format in FORMATS
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert np.abs(image.pixels[..., ::-1].astype(int) - pixels).max() <= tolerance


def test_a_flat_deep_image_is_black():
    data = encode(PIL.Image.fromarray(np.full((4, 4), 7, np.float32)), "TIFF")
    assert not decode(data).pixels.any()


# What EXIF 2.32 says of row 0 and column 0 of the file, as the turn that gives the file from the upright picture.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("image_format", "options"),
    [("JPEG", {"quality": 95, "subsampling": 0}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})],
)
def test_every_orientation_gives_the_same_upright_pixels(image_format, options, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    stored = PIL.Image.fromarray(np.ascontiguousarray(STORED[orientation](PICTURE)))
    data = encode(stored, image_format, exif=exif, **options)
    header = probe(data)
    assert (header.width, header.height, header.orientation) == (24, 16, orientation)
    pixels = decode(data).pixels[..., ::-1]
    assert np.abs(pixels.astype(int) - PICTURE).max() <= (12 if image_format == "JPEG" else 0)


@pytest.mark.parametrize(
    ("exif", "orientation"),
    [
        pytest.param(b"Exif\0\0no tags", 1, id="no tags"),
        pytest.param(b"Exif\0\0II*\0\xff\xff\xff\xff", 1, id="an offset beyond the end"),
        pytest.param(exif_block(SIDEWAYS)[:-8], 1, id="cut off"),
        pytest.param(exif_block((0x0112, 3, 1, b"\x63\0")), 1, id="orientation 99"),
        pytest.param(exif_block((0x0112, 3, 1, b"\0\0")), 1, id="orientation 0"),
        pytest.param(exif_block((0x0112, 2, 4, b"six\0")), 1, id="orientation in words"),
        pytest.param(exif_block((0x0112, 3, 2, b"\x06\0\x08\0")), 6, id="two orientations: the first"),
        pytest.param(exif_block((0x010F, 12, 1, b""), SIDEWAYS), 6, id="a number for the maker's name"),
        pytest.param(exif_block((0x0100, 8, 1, b"\xfb\xff"), SIDEWAYS), 6, id="a negative width"),
        pytest.param(exif_block(SIDEWAYS, (0x8769, 4, 1, b"\xff\xff\xff\xff")), 6, id="a folder beyond the end"),
    ],
)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_make_a_picture_unreadable(image_format, exif, orientation):
    data = encode(RGB, image_format, exif=exif)
    image = decode(data)
    assert image.header.orientation == orientation
    assert image.pixels.shape[:2] == ((24, 16) if orientation == 6 else (16, 24))


def test_exif_behind_the_pixels():
    sideways = exif_block(SIDEWAYS).removeprefix(b"Exif\0\0")
    image = decode(png(24, 16, rows(24, 16), (b"eXIf", sideways)))
    assert (image.header.width, image.header.height, image.header.orientation) == (16, 24, 6)
    assert image.pixels.shape == (24, 16, 3)


def test_probing_decodes_nothing():
    header = probe(png(24, 16, (b"IDAT", b"no deflate")))
    assert (header.format, header.width, header.height) == ("PNG", 24, 16)
    assert probe(png(9000, 9000)).width == 9000


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_of_many_bands_are_whole(monkeypatch, orientation):
    noise = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (29, 17, 4), np.uint8))
    data = encode(noise, "PNG", exif=exif_block((0x0112, 3, 1, bytes([orientation, 0]))))
    in_one = decode(data)
    monkeypatch.setattr("ocr_core.pages.images._BAND_PIXELS", 100)
    assert np.array_equal(decode(data).pixels, in_one.pixels)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the most memory that a process had")
def test_decoding_holds_the_decoders_picture_and_the_result():
    # A palette with transparency took 19 bytes a pixel, in a file of some kilobytes.
    program = """
import io, PIL.Image
from ocr_core.pages.images import decode
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
def transparent(width, height):
    file = io.BytesIO()
    PIL.Image.new("P", (width, height)).save(file, "PNG", transparency=0)
    return file.getvalue()
data = transparent(4000, 4000)
decode(transparent(2000, 2000))
before = peak()
decode(data)
print((peak() - before) / 4000**2)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 8
