"""Small pictures and the files that hold them, some of which no encoder writes."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import PIL.Image

BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)
"""RGB."""


def quarters(*colours):
    """Return a 24×16 RGB picture of four colours: top left, top right, bottom left, bottom right."""
    small = np.array(colours, np.uint8).reshape(2, 2, -1)
    return np.repeat(np.repeat(small, 8, axis=0), 12, axis=1)


def encode(image, image_format, *, then=None, **options):
    """Return a file of a picture, and of a second one behind it."""
    buffer = io.BytesIO()
    if then is not None:
        options |= {"save_all": True, "append_images": [then.copy()]}
    image.copy().save(buffer, image_format, **options)  # saving leaves traces in the image
    return buffer.getvalue()


PICTURE = quarters(BLACK, WHITE, RED, BLUE)
RGB = PIL.Image.fromarray(PICTURE)
GREYS = quarters(BLACK, WHITE, (100,) * 3, (200,) * 3)
TWO = quarters(BLACK, WHITE, WHITE, BLACK)
OTHER = PIL.Image.fromarray(PICTURE[::-1])
GREY = PIL.Image.fromarray(GREYS[..., 0])


def with_alpha(image, transparent):
    """Make the bottom of a picture of uint8 transparent."""
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[8:] = transparent
    return PIL.Image.fromarray(np.dstack((image, alpha)))


def palette(*colours, size=24):
    """Return a picture of vertical stripes, one for each colour of its palette."""
    image = PIL.Image.fromarray(np.tile(np.arange(size) * len(colours) // size, (16, 1)).astype(np.uint8), mode="P")
    image.putpalette([value for colour in colours for value in colour])
    return image


def stripes_of(*colours, size=24):
    return np.tile(np.array([colours[i * len(colours) // size] for i in range(size)], np.uint8), (16, 1, 1))


def png16(image):
    return cv2.imencode(".png", image)[1].tobytes()


def deep(dtype, factor):
    return (GREYS[..., 0] * np.array(factor, dtype)).astype(dtype)


def float_tiff():
    values = deep(np.float32, 0.25)
    values[0, 0], values[1, 1], values[2, 2] = np.nan, np.inf, -np.inf
    return encode(PIL.Image.fromarray(values), "TIFF")


def big_endian_tiff():
    """Return 16-bit grey, high byte first, as scanners write it."""
    pixels = deep(np.uint16, 257).astype(">u2").tobytes()
    tags = [(256, 24), (257, 16), (258, 16), (259, 1), (262, 1), (273, 8), (278, 16), (279, len(pixels))]
    entries = b"".join(struct.pack(">HHIH2x", tag, 3, 1, value) for tag, value in tags)
    return (
        struct.pack(">2sHI", b"MM", 42, 8 + len(pixels)) + pixels + struct.pack(">H", len(tags)) + entries + b"\0" * 4
    )


FADED = np.where(np.arange(16)[:, None, None] < 8, PICTURE, np.uint8(255))
"""The picture with its bottom transparent, on white paper."""
WHITE_STRIPE = stripes_of(BLACK, WHITE, RED)


def exif_block(*entries):
    """Return a little-endian EXIF block of (tag, type, count, value as 4 bytes) entries."""
    packed = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + b"\0" * 4


SIDEWAYS = (0x0112, 3, 1, b"\x06\0")


def png(width, height, *chunks, depth=8, colour=0):
    """Return a PNG file of a header and the given (type, content) chunks."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    packed = [
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (header, *chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def rows(width, height):
    return (b"IDAT", zlib.compress((b"\0" + b"\x80" * width) * height))
