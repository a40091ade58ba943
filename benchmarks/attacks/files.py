"""Files that are cheap to send and were dear to read. All are made here, none lies on disk."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import PIL.Image

SIDE = 7000
"""Pixels: 49 megapixels, just below the limit."""


def endless_jpeg(scans: int) -> bytes:
    """Return a progressive JPEG of 49 megapixels whose last scan, some 75 bytes, is sent so many times more."""
    file = io.BytesIO()
    PIL.Image.new("L", (SIDE, SIDE), 128).save(file, "JPEG", progressive=True, quality=1)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")
    scan, end = data[last:-2], data[-2:]
    return data[:last] + scan * (1 + scans) + end


def jpeg_of_markers(size: int) -> bytes:
    """Return a JPEG of `size` bytes that is all empty application segments before its picture."""
    picture = _tiny("JPEG")
    return picture[:2] + b"\xff\xe5\x00\x02" * ((size - len(picture)) // 4) + picture[2:]


def png_of_chunks(size: int) -> bytes:
    """Return a PNG of `size` bytes with empty ancillary chunks before its pixels."""
    picture = _tiny("PNG")
    header = 8 + 25
    chunk = struct.pack(">I", 0) + b"teSt" + struct.pack(">I", zlib.crc32(b"teSt"))
    return picture[:header] + chunk * ((size - len(picture)) // len(chunk)) + picture[header:]


def gif_of_comments(size: int) -> bytes:
    """Return a GIF of `size` bytes with comments of one byte before its picture."""
    picture = _tiny("GIF")
    at = 13 + 3 * 2 ** ((picture[10] & 7) + 1) if picture[10] & 0x80 else 13
    comment = b"\x21\xfe\x01a\x00"
    return picture[:at] + comment * ((size - len(picture)) // len(comment)) + picture[at:]


def tiff_of_strips(rows: int) -> bytes:
    """Return an uncompressed TIFF, one pixel wide, with a strip for each row, all of them the same byte."""
    entries = {
        256: (3, 1, 1),  # ImageWidth
        257: (4, 1, rows),  # ImageLength
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        277: (3, 1, 1),
        278: (3, 1, 1),  # RowsPerStrip
    }
    first = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries[273] = (4, rows, first)  # StripOffsets
    entries[279] = (4, rows, first + 4 * rows)  # StripByteCounts
    folder = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(entries.items()))
    head = b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + folder + b"\x00" * 4
    return head + struct.pack("<I", 0) * rows + struct.pack("<I", 1) * rows


def line_without_spaces(characters: int) -> bytes:
    """Return the picture of one line with so many characters and no space, as PNG."""
    text = ("O0Il1" * characters)[:characters]
    font, scale = cv2.FONT_HERSHEY_PLAIN, 1.4
    (width, height), _ = cv2.getTextSize(text, font, scale, 1)
    page = np.full((height * 4, width + 40, 3), 255, np.uint8)
    cv2.putText(page, text, (20, height * 5 // 2), font, scale, (90, 90, 90), 1, cv2.LINE_AA)
    return cv2.imencode(".png", page)[1].tobytes()


def pdf_of_unseen_objects(objects: int) -> bytes:
    """Return a page without content, and so many dictionaries in a list that no page shows."""
    bodies = (
        b"<</Type/Catalog/Pages 2 0 R/Unseen 4 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 400]>>",
        b"[%s]" % (b"<<>>" * objects),
    )
    file, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(bodies) + 1, rows)
    trailer = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, len(file))
    return file + table + trailer


def _tiny(kind: str) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("L", (16, 16), 255).save(file, kind)
    return file.getvalue()
