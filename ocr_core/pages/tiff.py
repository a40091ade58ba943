"""TIFF files of several pictures.

Every picture has a directory with the place of the next one. Pillow reads the first; a file whose header points at
another directory is a file whose first picture is that one, and goes the way of all images.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ocr_core.errors import UndecodableImageError

MAX_PICTURES = 100_000
"""Directories followed: a file may hold a million empty ones."""

_COPIES = 100
"""Smaller copies passed over before the first picture: cameras write one, and each page of a hostile file pays."""
_SUBFILE_TYPE = 254
_SHORT = 3
_REDUCED = 1


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file writes numbers: TIFF 6.0, or BigTIFF with offsets of eight bytes."""

    order: str
    big: bool

    @property
    def pointer(self) -> tuple[str, int]:
        return self.order + ("Q" if self.big else "I"), 8 if self.big else 4

    @property
    def count(self) -> tuple[str, int]:
        return self.order + ("Q" if self.big else "H"), 8 if self.big else 2


def is_tiff(data: bytes) -> bool:
    """Say whether the file begins as a TIFF does."""
    return _layout(data) is not None


def find_pictures(data: bytes) -> list[int]:
    """Return the offset of the directory of each picture; smaller copies of pictures are left out.

    Raises:
        UndecodableImageError: no directory, or more of them than `MAX_PICTURES`.
    """
    layout = _layout(data)
    if layout is None:
        raise UndecodableImageError("the TIFF header is damaged")
    found = dict(islice(_directories(data, layout), MAX_PICTURES + 1))
    if len(found) > MAX_PICTURES:
        raise UndecodableImageError(f"the TIFF has more than {MAX_PICTURES} pictures")
    if not found:
        raise UndecodableImageError("the TIFF has no picture")
    return [at for at, reduced in found.items() if not reduced] or list(found)


def past_copies(data: bytes) -> bytes:
    """Return a TIFF whose first picture is no smaller copy, if it has one such; other files as they are."""
    layout = _layout(data)
    if layout is None:
        return data
    copied = False
    for at, reduced in islice(_directories(data, layout), _COPIES + 1):
        if not reduced:
            return with_picture(data, at) if copied else data
        copied = True
    return data


def with_picture(data: bytes, at: int) -> bytes:
    """Return the file with the picture whose directory is at `at` as its first."""
    layout = _layout(data)
    assert layout is not None
    kind, width = layout.pointer
    return data[:width] + struct.pack(kind, at) + data[2 * width :]


def _layout(data: bytes) -> _Layout | None:
    orders = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
    return _Layout(*orders[data[:4]]) if data[:4] in orders else None


def _directories(data: bytes, layout: _Layout) -> Iterator[tuple[int, bool]]:
    """Yield the offset of each directory once, and whether it is that of a smaller copy."""
    kind, _ = layout.pointer
    at = _number(data, kind, 8 if layout.big else 4)
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        reduced, following = _directory(data, at, layout)
        if following is None:  # cut off: what came before is read
            return
        yield at, reduced
        at = following


def _directory(data: bytes, at: int, layout: _Layout) -> tuple[bool, int | None]:
    """Return whether a directory is that of a smaller copy, and where the next one is; None: this one is cut off."""
    kind, width = layout.count
    entries = _number(data, kind, at)
    size = 20 if layout.big else 12
    pointer, _ = layout.pointer
    following = at + width + entries * size
    if not entries or following > len(data):
        return False, None
    first = at + width
    tag = _number(data, layout.order + "H", first)  # entries are sorted, and no tag in use is lower
    # A value stands at the left of its field: of two bytes in files that begin with the most significant it matters.
    short = _number(data, layout.order + "H", first + 2) == _SHORT
    value = _number(data, layout.order + ("H" if short else "I"), first + size - (8 if layout.big else 4))
    reduced = tag == _SUBFILE_TYPE and bool(value & _REDUCED)
    return reduced, _number(data, pointer, following)


def _number(data: bytes, kind: str, at: int) -> int:
    """Return the number at an offset, 0 beyond the end."""
    if at + struct.calcsize(kind) > len(data):
        return 0
    return int(struct.unpack_from(kind, data, at)[0])
