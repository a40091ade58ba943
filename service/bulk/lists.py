"""Lists of what is to be read, and files that are taken for one because of their names."""

from __future__ import annotations

import codecs
import os

from service.bulk.errors import BulkError

_PICTURES = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"})
"""Brands of ISO 23008-12 and of AVIF."""
_LEGACY_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BEGINNINGS = (
    (b"PK\x03\x04", "a .docx, .xlsx or another archive, which is not read; convert it to PDF"),
    (_LEGACY_OFFICE, "a .doc, .xls or .ppt, which is not read; convert it to PDF"),
    (codecs.BOM_UTF16_LE, "text in UTF-16; save it as UTF-8"),
    (codecs.BOM_UTF16_BE, "text in UTF-16; save it as UTF-8"),
    *(
        (magic, f"a {kind} without its suffix; name it {suffix}")
        for magic, kind, suffix in (
            (b"\xff\xd8\xff", "JPEG", ".jpg"),
            (b"\x89PNG\r\n", "PNG", ".png"),
            (b"%PDF-", "PDF", ".pdf"),
            (b"II*\0", "TIFF", ".tif"),
            (b"MM\0*", "TIFF", ".tif"),
        )
    ),
)


def places_of(data: bytes, name: str) -> list[str]:
    """Return the paths and URLs of a list: one a line, or with NULs between them, as `find -print0` writes them.

    Raises:
        BulkError: it is no list. `name` is what it is called there.
    """
    if what := _no_list(data):
        raise BulkError(f"{name} is no list of paths but {what}")
    data = data.removeprefix(codecs.BOM_UTF8)  # which editors on Windows write
    lines = data.split(b"\0") if b"\0" in data else [line.rstrip(b"\r") for line in data.split(b"\n")]
    return [os.fsdecode(line) for line in lines if line]


def _no_list(data: bytes) -> str | None:
    """Return what a file is instead of a list; None for a list."""
    if data[4:8] == b"ftyp":  # ISO 14496-12; films too
        heic = "a HEIC or AVIF picture, which is not read; convert it to JPEG"
        return heic if data[8:12].lower() in _PICTURES else "a film, which is not read"
    for beginning, what in _BEGINNINGS:
        if data.startswith(beginning):
            return what
    # Between names stands one NUL, and names hold none: of bytes for programs hardly a file has no two in a row.
    return "a file that is no text, of a kind that is not read" if b"\0\0" in data else None
