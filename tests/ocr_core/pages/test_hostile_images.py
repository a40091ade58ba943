from __future__ import annotations

import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from pictures import GREY, RGB, SIDEWAYS, encode, exif_block, float_tiff, png, png16, rows

from ocr_core.errors import ImageError, ImageTooLargeError, UndecodableImageError, UnsupportedImageError
from ocr_core.pages.images import decode, probe

# Pillow warns of damage that it reads past; pytest would make errors of that.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def header_of(width, height):
    """Return a JPEG that says it has this size."""
    data = bytearray(encode(GREY, "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", UndecodableImageError, id="empty"),
        pytest.param(b"\0" * 1000, UnsupportedImageError, id="zeros"),
        pytest.param(b"no image at all " * 50, UnsupportedImageError, id="text"),
        pytest.param(b"%PDF-1.7\n", UnsupportedImageError, id="PDF"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedImageError, id="SVG"),
        pytest.param(encode(RGB, "PPM"), UnsupportedImageError, id="a format that Pillow knows and we do not read"),
        pytest.param(encode(RGB, "ICO"), UnsupportedImageError, id="an icon"),
        pytest.param(b"\x89PNG\r\n\x1a\n", UnsupportedImageError, id="a signature alone"),
        pytest.param(b"\xff\xd8\xff", UnsupportedImageError, id="the first bytes of a JPEG"),
        pytest.param(png(16, 16), UndecodableImageError, id="PNG without data"),
        pytest.param(png(16, 16, (b"IDAT", b"no deflate")), UndecodableImageError, id="PNG with damaged data"),
        pytest.param(png(0, 0, rows(1, 1)), UnsupportedImageError, id="PNG of no pixels"),
        pytest.param(png(65535, 65535), ImageTooLargeError, id="PNG header of 65535×65535"),
        pytest.param(header_of(65535, 65535), ImageTooLargeError, id="JPEG header of 65535×65535"),
        pytest.param(png(2**31 - 1, 1), ImageTooLargeError, id="PNG header of 2147483647×1"),
        pytest.param(png(10000, 9000), ImageTooLargeError, id="more than Pillow decodes without a warning"),
        pytest.param(png(10000, 5001), ImageTooLargeError, id="just over the limit, and no data behind the header"),
        pytest.param(
            png(16, 16, (b"zTXt", b"k\0\0" + zlib.compress(bytes(8_000_000))), rows(16, 16)),
            UndecodableImageError,
            id="zip bomb in a comment",
        ),
    ],
)
def test_hostile_files(data, error):
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert type(caught.value) is error


def test_data_beyond_the_last_row_is_not_unpacked():
    bomb = zlib.compress(bytes(17 * 16 + 8_000_000))
    assert decode(png(16, 16, (b"IDAT", bomb))).pixels.shape == (16, 16, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20000), (20000, 1), (3, 2)])
def test_extreme_shapes_are_images(width, height):
    pixels = decode(png(width, height, rows(width, height))).pixels
    assert pixels.shape == (height, width, 3)
    assert (pixels == 0x80).all()


def test_the_limit_is_that_of_the_caller():
    data = encode(RGB, "PNG")
    assert decode(data, max_pixels=24 * 16).pixels.shape == (16, 24, 3)
    with pytest.raises(ImageTooLargeError, match="24×16 pixels; the limit is 383"):
        decode(data, max_pixels=24 * 16 - 1)
    assert probe(data).width == 24


@pytest.mark.parametrize(("width", "height"), [(12_000, 9_000), (65_535, 65_535)])
def test_what_is_never_decoded_is_told_with_its_size(width: int, height: int) -> None:
    message = f"{width * height} pixels; no more than 89478485 are ever decoded"
    for read in (probe, decode):
        with pytest.raises(ImageTooLargeError, match=message):
            read(png(width, height))


NOISE = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
SAMPLES = {
    "JPEG": encode(NOISE, "JPEG"),
    "progressive JPEG": encode(NOISE, "JPEG", progressive=True),
    "CMYK JPEG": encode(NOISE.convert("CMYK"), "JPEG"),
    "PNG": encode(NOISE, "PNG", exif=exif_block(SIDEWAYS)),
    "palette PNG": encode(NOISE.convert("P"), "PNG", transparency=3),
    "16-bit PNG": png16(np.asarray(NOISE.convert("L")).astype(np.uint16) * 257),
    "WebP": encode(NOISE, "WEBP", exif=exif_block(SIDEWAYS)),
    "lossless WebP": encode(NOISE, "WEBP", lossless=True),
    "BMP": encode(NOISE, "BMP"),
    "palette BMP": encode(NOISE.convert("P"), "BMP"),
    "GIF": encode(NOISE.convert("P"), "GIF", then=NOISE.convert("P").rotate(90)),
    "TIFF": encode(NOISE, "TIFF"),
    "LZW TIFF": encode(NOISE, "TIFF", compression="tiff_lzw"),
    "fax TIFF": encode(NOISE.convert("1"), "TIFF", compression="group4"),
    "float TIFF": float_tiff(),
}


@pytest.mark.parametrize("share", [0.05, 0.2, 0.45])
@pytest.mark.parametrize("name", SAMPLES)
def test_truncated_files_are_damaged(name, share):
    data = SAMPLES[name]
    with pytest.raises((UndecodableImageError, UnsupportedImageError)):
        decode(data[: int(share * len(data))])


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_bytes_raise_no_other_errors(name, rng):
    for _ in range(30):
        data = bytearray(SAMPLES[name])
        reach = min(len(data), 300) if rng.random() < 0.7 else len(data)  # headers are where the traps are
        for at in rng.integers(0, reach, size=rng.integers(1, 6)):
            data[at] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        try:
            image = decode(bytes(data))
        except ImageError:
            continue
        assert image.pixels.shape == (image.header.height, image.header.width, 3)
