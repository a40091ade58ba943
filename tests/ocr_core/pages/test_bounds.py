"""Files that are small, and legal or nearly so, and would hold a decoder for long: refused by counting their bytes."""

from __future__ import annotations

import struct
import zlib

import PIL.Image
import pytest
from pictures import GREY, RGB, encode, png, rows

from ocr_core.errors import ImageError, ImageTooLargeError, UndecodableImageError, UnsupportedImageError
from ocr_core.pages import bounds
from ocr_core.pages.images import decode, probe

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

BASELINE = encode(RGB, "JPEG")
PROGRESSIVE = encode(RGB, "JPEG", progressive=True)
GIF = encode(GREY, "GIF")
ANIMATED = encode(RGB, "WEBP", lossless=True, then=RGB)


def segment(marker: int, body: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def rescanned(scans: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated until there are so many."""
    last = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    return PROGRESSIVE[:-2] + last * (scans - PROGRESSIVE.count(b"\xff\xda")) + b"\xff\xd9"


def in_header(jpeg: bytes, more: bytes) -> bytes:
    return jpeg[:2] + more + jpeg[2:]


def before_picture(more: bytes) -> bytes:
    """Return a GIF with something between its palette and its picture."""
    at = 13 + (3 << (GIF[10] & 7) + 1)
    return GIF[:at] + more + GIF[at:]


def bmp(width: int, height: int) -> bytes:
    """Return the beginning of a run-length BMP."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 2, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1080, 0, 0, 1078) + info + bytes(1024) + b"\0\1"


def tiff(*entries: tuple[int, int, int, int], order: str = "<", big: bool = False) -> bytes:
    """Return a TIFF of 100×100 grey pixels with further entries `(tag, type, count, value)`."""
    usual = [(256, 4, 1, 100), (257, 4, 1, 100), (258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1), (277, 4, 1, 1)]
    listed = [entry for entry in usual if entry[0] not in {tag for tag, *_ in entries}] + list(entries)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ" if big else f"{order}HI", *HEADS[big])
    number, entry = ("Q", "HHQQ") if big else ("H", "HHII")
    return (
        head
        + struct.pack(order + number, len(listed))
        + b"".join(struct.pack(order + entry, *fields) for fields in sorted(listed))
        + bytes(20_000)
    )


HEADS = {False: (42, 8), True: (43, 8, 0, 16)}
TILE = ((322, 4, 1, 30_000), (323, 4, 1, 30_000), (324, 4, 1, 200), (325, 4, 1, 9))
CHUNK = (b"abCD", b"")
PACKED = (b"iCCP", b"a\0\0" + zlib.compress(bytes(1000)))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        pytest.param(rescanned(33), UndecodableImageError, "32 scans", id="JPEG, scans"),
        pytest.param(
            in_header(rescanned(33), segment(0xFE, b"\xff\xd9")), UndecodableImageError, "32 scans", id="hidden end"
        ),
        pytest.param(
            in_header(BASELINE, segment(0xFE) * 4_000), UndecodableImageError, "4000 segments", id="JPEG, segments"
        ),
        pytest.param(in_header(BASELINE, b"\xff" * 5000), UndecodableImageError, "4096 bytes", id="JPEG, fill bytes"),
        pytest.param(
            in_header(BASELINE, b"\xff\xd0" * 5000), UndecodableImageError, "4096 bytes", id="JPEG, restart markers"
        ),
        pytest.param(in_header(BASELINE, b"\xff\xd9"), UndecodableImageError, "before its first scan", id="JPEG, end"),
        pytest.param(
            BASELINE.replace(b"\xff\xc0", b"\xff\xc9"), UnsupportedImageError, "arithmetic", id="JPEG, arithmetic"
        ),
        pytest.param(
            png(16, 16, *[CHUNK] * 20_000, rows(16, 16)), UndecodableImageError, "20000 chunks", id="PNG, chunks"
        ),
        pytest.param(
            png(16, 16, rows(16, 16), *[CHUNK] * 20_000), UndecodableImageError, "20000 chunks", id="behind the pixels"
        ),
        pytest.param(png(16, 16, *[PACKED] * 17, rows(16, 16)), UndecodableImageError, "16 packed", id="PNG, profiles"),
        pytest.param(ANIMATED + b"abcd\0\0\0\0" * 20_000, UndecodableImageError, "20000 chunks", id="WebP, chunks"),
        pytest.param(
            before_picture(b"\x21\xfe" + b"\x01a" * 20_000 + b"\0"), UndecodableImageError, "20000 blocks", id="GIF"
        ),
        pytest.param(before_picture(b"\0" * 20_000), UndecodableImageError, "20000 blocks", id="GIF, zeros"),
        pytest.param(bmp(10_000_001, 1), ImageTooLargeError, "run-length", id="BMP, run lengths, flat"),
        pytest.param(bmp(4000, -4000), ImageTooLargeError, "run-length", id="BMP, run lengths, top down"),
        pytest.param(tiff(*TILE), ImageTooLargeError, "30000×30000", id="TIFF, tile"),
        pytest.param(tiff(*TILE, order=">"), ImageTooLargeError, "30000×30000", id="TIFF, tile, big endian"),
        pytest.param(tiff(*TILE, big=True), ImageTooLargeError, "30000×30000", id="BigTIFF, tile"),
        pytest.param(
            tiff(*TILE, (256, 4, 1, 100), (256, 4, 1, 60_000)), ImageTooLargeError, "tiles", id="TIFF, two widths"
        ),
        pytest.param(tiff((273, 4, 65_537, 200)), UndecodableImageError, "65536 strips", id="TIFF, strips"),
        pytest.param(tiff((259, 3, 1, 6)), UnsupportedImageError, "old style", id="TIFF, old JPEG"),
        pytest.param(
            b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65_535), UndecodableImageError, "20000 entries", id="TIFF, entries"
        ),
    ],
)
@pytest.mark.parametrize("reading", [probe, decode])
def test_what_would_take_long_is_refused_by_its_bytes(data, error, message, reading):
    with pytest.raises(ImageError, match=message) as caught:
        reading(data)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(rescanned(32), id="JPEG, scans"),
        pytest.param(in_header(BASELINE, segment(0xE2, b"\xff\xda" * 1000)), id="JPEG, scans that are none"),
        pytest.param(in_header(BASELINE, segment(0xFE) * 1000 + b"\xff" * 4000), id="JPEG, segments and fill bytes"),
        pytest.param(BASELINE + b"\xff\xda\0\0" * 1000, id="JPEG, a film behind the picture"),
        pytest.param(png(16, 16, *[CHUNK] * 10_000, *[PACKED] * 16, rows(16, 16)), id="PNG"),
        pytest.param(before_picture(b"\x21\xfe" + (b"\xff" + b"a" * 255) * 10_000 + b"\0"), id="GIF"),
        pytest.param(encode(PIL.Image.new("L", (4, 65_536)), "TIFF", strip_size=4), id="TIFF, a strip a row"),
        pytest.param(encode(PIL.Image.new("L", (4, 4)), "TIFF", big_tiff=True), id="BigTIFF"),
    ],
)
def test_what_honest_files_may_have_is_read(data):
    assert decode(data).header == probe(data)


def test_a_file_is_counted_no_further_than_it_goes():
    for data in (BASELINE, png(16, 16, rows(16, 16)), ANIMATED, GIF, bmp(8, 8), tiff(), tiff(big=True)):
        for end in range(min(len(data), 200)):
            bounds.require_bounded(data[:end])


def test_markers_are_found_across_the_windows_of_the_search(monkeypatch):
    monkeypatch.setattr(bounds, "_WINDOW", 1)
    with pytest.raises(UndecodableImageError, match="32 scans"):
        bounds.require_bounded(rescanned(33))
    bounds.require_bounded(rescanned(32))


class EnoughError(Exception):
    pass


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_a_decoder_asks_before_each_read_whether_to_go_on(image_format):
    data = encode(PIL.Image.effect_noise((400, 400), 100), image_format)
    asked = []
    decode(data, check=lambda: asked.append(1))
    assert len(asked) > 2

    def stop() -> None:
        asked.pop()
        if not asked:
            raise EnoughError

    with pytest.raises(EnoughError):
        decode(data, check=stop)
