"""What a file may ask of its decoder, counted in its bytes before any of it is decoded.

A limit of pixels bounds what a decoder gives, not what it does: a progressive JPEG of 24 kB may visit every pixel
thousands of times, a TIFF of 100×100 may decode a tile of 900 million, and every empty chunk of a PNG costs Pillow some
microseconds of Python. What is counted here is what makes work out of few bytes, in every format that is read; the
counting is linear in the bytes and stops at the bound.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Literal

from ocr_core.errors import ImageTooLargeError, UndecodableImageError, UnsupportedImageError

MAX_SCANS = 32
"""Scans of a JPEG. Ten are usual, optimizers come to twenty; each takes some 25 ms at 50 megapixels."""
MAX_SEGMENTS = 4_000
"""Segments of a JPEG: 32 MiB are 512 of the largest. To find one takes up to 5 µs, while all other threads wait."""
MAX_PIECES = 20_000
"""Chunks of a PNG or WebP, blocks before a GIF's first picture, entries of a TIFF's directory.
A PNG of 32 MiB in chunks of 8 kB, the least that is usual, has 4,000. Each costs up to 4 µs of Python."""
MAX_PACKED = 16
"""Packed texts and profiles of a PNG. Each may unfold to 1 MB; few programs write more than four."""
MAX_JUNK = 4096
"""Bytes between two segments in a JPEG's header, which Pillow skips one by one."""
MAX_STRIPS = 65_536
"""Strips or tiles of a TIFF: one a row even of the tallest scan. Each costs up to 20 µs of Python."""
MAX_TILE_PIXELS = 4_194_304
"""Pixels of a TIFF's tile, unless the whole picture has more: decoders make room for a tile before they cut it."""
MAX_RLE_PIXELS = 10_000_000
"""Pixels of a run-length BMP: a page at 300 dpi. Pillow unpacks them in Python, up to 0.1 µs each."""

_WINDOW = 2**20
# Fill bytes, stuffed zeros and restart markers stand between markers, not for one.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PACKED = frozenset({b"zTXt", b"iTXt", b"iCCP"})
# TIFF 6.0 and BigTIFF: bytes of a value of each type.
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WIDTH, _LENGTH, _COMPRESSION = 256, 257, 259
_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_OLD_JPEG = 6


def require_bounded(data: bytes) -> None:
    """Refuse a file whose decoding would take far longer than its bytes and pixels tell; damage is for the decoder.

    Raises:
        UndecodableImageError: more pieces than any honest file has.
        ImageTooLargeError: a tile, or a run-length picture, over its bound.
        UnsupportedImageError: a JPEG with arithmetic coding, also the old JPEG inside a TIFF.
    """
    for magic, bound in _BOUNDS.items():
        if data.startswith(magic):
            bound(data)


def _jpeg(data: bytes) -> None:
    """ISO 10918-1, B.1: segments, and after each header of a scan its entropy-coded bytes."""
    at, scans = 2, 0
    for _ in range(MAX_SEGMENTS):
        found = _next_marker(data, at)
        if not scans and found - at > MAX_JUNK:
            raise UndecodableImageError(f"more than {MAX_JUNK} bytes between two segments of the JPEG")
        if found + 4 > len(data):
            return
        marker = data[found + 1]
        if marker in _ARITHMETIC:
            raise UnsupportedImageError("a JPEG with arithmetic coding, which is not read")
        if marker == _EOI:
            if not scans:
                raise UndecodableImageError("the JPEG ends before its first scan")
            return
        scans += marker == _SOS
        if scans > MAX_SCANS:
            raise UndecodableImageError(f"more than {MAX_SCANS} scans in the JPEG; save it anew, as baseline")
        alone = marker in (_SOI, _TEM)
        at = found + 2 + (0 if alone else max(2, int.from_bytes(data[found + 2 : found + 4], "big")))
    raise _too_many("segments of the JPEG", MAX_SEGMENTS)


def _next_marker(data: bytes, at: int) -> int:
    # In windows, since a search keeps all other threads waiting while it lasts.
    for start in range(at, len(data), _WINDOW):
        if found := _JPEG_MARKER.search(data, start, start + _WINDOW + 1):
            return found.start()
    return len(data)


def _png(data: bytes) -> None:
    at, packed = 8, 0
    for _ in range(MAX_PIECES):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        packed += kind in _PACKED
        if packed > MAX_PACKED:
            raise UndecodableImageError(f"more than {MAX_PACKED} packed texts and profiles in the PNG")
        at += length + 12
    raise _too_many("chunks of the PNG")


def _webp(data: bytes) -> None:
    at = 12
    for _ in range(MAX_PIECES):
        if at + 8 > len(data):
            return
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    raise _too_many("chunks of the WebP")


def _gif(data: bytes) -> None:
    """GIF89a, up to the first picture: extensions in blocks of at most 255 bytes each."""
    if len(data) < 13:
        return
    flags = data[10]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    inside = False
    for _ in range(MAX_PIECES):
        if at >= len(data) or (not inside and data[at] in b",;"):
            return
        if inside:
            inside = data[at] > 0
            at += data[at] + 1
        else:
            inside = data[at] == ord("!")
            at += 2 if inside else 1
    raise _too_many("blocks before the picture of the GIF")


def _bmp(data: bytes) -> None:
    if len(data) < 34 or data[14] < 40:  # the header of 12 bytes knows no compression
        return
    width, height, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
    if compression in (1, 2) and abs(width * height) > MAX_RLE_PIXELS:
        raise ImageTooLargeError(f"a run-length BMP of more than {MAX_RLE_PIXELS} pixels; save it without compression")


def _tiff(data: bytes) -> None:
    """TIFF 6.0, section 2: the first directory, the only one that is read."""
    # Of an entry that stands there twice the worse counts: who reads which is not known.
    sides = {_WIDTH: 2**63, _LENGTH: 2**63, _TILE_WIDTH: 0, _TILE_LENGTH: 0}
    for tag, count, value in _entries(data):
        if tag in (_STRIP_OFFSETS, _TILE_OFFSETS) and count > MAX_STRIPS:
            raise UndecodableImageError(f"more than {MAX_STRIPS} strips or tiles in the TIFF")
        if tag == _COMPRESSION and value == _OLD_JPEG:
            raise UnsupportedImageError("a TIFF with JPEG of the old style, which is not read")
        if tag in sides:
            sides[tag] = min(sides[tag], value) if tag in (_WIDTH, _LENGTH) else max(sides[tag], value)
    pixels = max(MAX_TILE_PIXELS, sides[_WIDTH] * sides[_LENGTH])
    if sides[_TILE_WIDTH] * sides[_TILE_LENGTH] > pixels:
        raise ImageTooLargeError(f"tiles of {sides[_TILE_WIDTH]}×{sides[_TILE_LENGTH]} pixels; the limit is {pixels}")


def _entries(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield tag, number of values and the first value of each entry, as an unsigned number."""
    version = data[2:4]
    if 43 in version:
        yield from _directory(data, big=True)
    # Pillow looks at the first byte of the version alone, libtiff at both: some files have two directories.
    if version[:1] != b"\x2b":
        yield from _directory(data, big=False)


def _directory(data: bytes, *, big: bool) -> Iterator[tuple[int, int, int]]:
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    sign = "<" if order == "little" else ">"
    # First the number of entries; each is tag, type, number of values, and the value itself or its place.
    offset, length, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    try:
        (at,) = struct.unpack_from(sign + offset, data, 8 if big else 4)
        (entries,) = struct.unpack_from(sign + length, data, at)
        if entries > MAX_PIECES:
            raise _too_many("entries in the TIFF's directory")
        at += struct.calcsize(sign + length)
        for i in range(entries):
            tag, kind, count, inline = struct.unpack_from(sign + entry, data, at + i * struct.calcsize(sign + entry))
            used = min(_VALUE_BYTES.get(kind, 8), len(inline))
            yield tag, count, int.from_bytes(inline[:used], order)
    except struct.error:  # the file ends before its directory does
        return


def _too_many(pieces: str, bound: int = MAX_PIECES) -> UndecodableImageError:
    return UndecodableImageError(f"more than {bound} {pieces}")


_BOUNDS: dict[bytes, Callable[[bytes], None]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG": _png,
    b"RIFF": _webp,
    b"GIF8": _gif,
    b"BM": _bmp,
    b"II": _tiff,
    b"MM": _tiff,
}
