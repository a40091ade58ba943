"""From the bytes of an upload to upright pixels.

Pillow reads the header, so that limits are enforced before a pixel is decoded, and decodes: it knows the odd corners
(1-bit palettes, CMYK, 16 bits, EXIF) that a faster decoder gets wrong.
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import (  # the plugins here, that no first image waits for them
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from ocr_core.errors import ImageError, ImageTooLargeError, UndecodableImageError, UnsupportedImageError
from ocr_core.pages.bounds import require_bounded
from ocr_core.pages.tiff import past_copies

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""Formats that are read, as Pillow names them. Of a file of several pictures, the first; of a TIFF, the
first that is no smaller copy of another."""

MAX_PIXELS = 50_000_000
"""Default limit of an image: about 50 megapixels, 150 MB once decoded."""

LEAST_DPI, MOST_DPI = 100, 2400
"""Other pixels an inch are no scanner's: cameras and editors write 72 for want of anything better."""
MOST_UNEQUAL = 2.5
"""How much finer one direction may be than the other: fax machines send 204×98 and 204×391."""

_ORIENTATION = 0x0112
_TURNED = frozenset({5, 6, 7, 8})
# EXIF 2.32, tag Orientation: the upright picture with its rows and columns in the order of the file. Where a picture is
# turned they are exchanged too.
_AS_FILED = {
    2: np.s_[:, ::-1],
    3: np.s_[::-1, ::-1],
    4: np.s_[::-1, :],
    6: np.s_[:, ::-1],
    7: np.s_[::-1, ::-1],
    8: np.s_[::-1, :],
}
_BAND_PIXELS = 2**20
"""Pixels that are converted at a time. The steps of a whole picture at once took up to 20 bytes a pixel."""
# What Pillow's decoders are known to raise on damaged files.
_DAMAGED = (
    *(ArithmeticError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, SyntaxError, TypeError),
    *(ValueError, struct.error, zlib.error),
)

# Pillow only warns above 89 megapixels; as an error, no such image gets past the header whatever the limit.
warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes tell. Width and height in pixels, as a person sees the image."""

    format: str
    width: int
    height: int
    orientation: int
    """EXIF orientation, 1 to 8; 1 is upright."""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded image: `pixels` is H×W×3 uint8 in BGR order, upright by its EXIF orientation."""

    pixels: NDArray[np.uint8]
    header: Header


def probe(data: bytes) -> Header:
    """Read format and size from the header, without decoding.

    Of a PNG whose EXIF block stands behind its pixels, the size is that in the file.

    Raises:
        UnsupportedImageError: no format that is read here.
        UndecodableImageError: empty, or the header is damaged, or made to take long (`ocr_core.pages.bounds`).
        ImageTooLargeError: more pixels than Pillow decodes at all, or parts larger than the picture.
    """
    with _open(data) as image:
        return _header(image)


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, check: Callable[[], None] = lambda: None) -> Image:
    """Decode an upload.

    Args:
        data: the bytes of a file in one of `FORMATS`.
        max_pixels: width × height at most, checked against the header.
        check: called before every read of the decoder, each 64 KiB as a rule; what it raises ends the decoding. TIFF
            and WebP are decoded in one piece.

    Raises:
        ImageTooLargeError: over the limit; nothing was decoded.
        UnsupportedImageError: no format that is read here.
        UndecodableImageError: empty, truncated, damaged, or made to take long (`ocr_core.pages.bounds`).
    """
    with _open(data, check) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageTooLargeError(f"{width}×{height} pixels; the limit is {max_pixels} pixels")
        try:
            image.seek(0)
            if image.format == "PNG":
                image.load()  # only now is an EXIF block known that stands behind the pixels
            header = _header(image)
            image.load()
            check()
            pixels = _upright_bgr(image, header)
        except _DAMAGED as error:
            raise UndecodableImageError(f"the {image.format} data is damaged: {error}") from error
    return Image(pixels, header)


def upright(image: PIL.Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of a picture that Pillow has opened or made, H×W×3 BGR, as `decode` returns those of a file.

    Raises:
        UndecodableImageError: its file is damaged, or it has no pixels.
    """
    try:
        image.load()
        return _upright_bgr(image, _header(image))
    except _DAMAGED as error:
        raise UndecodableImageError(f"the {image.format or 'picture'} is damaged: {error}") from error


def resolution(data: bytes) -> tuple[float, float] | None:
    """Return the pixels an inch that a scanner wrote into a file, across and down the picture as a person sees it.

    None where they are missing or no scanner's, and of a file that cannot be opened: no page is lost for want of them.
    """
    try:
        with _open(data) as image:
            across, down = (float(value) for value in image.info["dpi"])
            turned = _header(image).orientation in _TURNED
    except (*_DAMAGED, ImageError):
        return None
    finer, coarser = max(across, down), min(across, down)
    if not math.isfinite(across + down):  # 0/0 is written, too
        return None
    if not (LEAST_DPI <= round(finer) <= MOST_DPI and finer <= MOST_UNEQUAL * coarser):
        return None
    return (down, across) if turned else (across, down)


class _Watched(io.BytesIO):
    """A file in memory that asks before each read whether to go on."""

    def __init__(self, data: bytes, check: Callable[[], None]) -> None:
        super().__init__(data)
        self._check = check

    def read(self, size: int | None = -1, /) -> bytes:
        self._check()
        return super().read(size)


def _open(data: bytes, check: Callable[[], None] = lambda: None) -> PIL.Image.Image:
    if not data:
        raise UndecodableImageError("the image is empty")
    data = past_copies(data)
    require_bounded(data)
    try:
        return PIL.Image.open(_Watched(data, check), formats=FORMATS)
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\d+ pixels", str(error))  # Pillow tells them nowhere else
        most = f"no more than {PIL.Image.MAX_IMAGE_PIXELS} are ever decoded"
        raise ImageTooLargeError(f"{pixels[0]}; {most}" if pixels else most) from error
    except UnidentifiedImageError as error:
        raise UnsupportedImageError("neither a PDF nor a JPEG, PNG, WebP, BMP, TIFF or GIF image") from error
    except _DAMAGED as error:
        raise UndecodableImageError(f"the header is damaged: {error}") from error


def _header(image: PIL.Image.Image) -> Header:
    try:
        # The method of the base class: that of PNG decodes the picture to look for a block behind it.
        orientation = int(PIL.Image.Image.getexif(image).get(_ORIENTATION, 1))
    except _DAMAGED:  # a broken EXIF block does not make the picture unreadable
        orientation = 1
    orientation = orientation if orientation in range(1, 9) else 1
    width, height = image.size
    if orientation in _TURNED and image.format != "TIFF":  # Pillow turns a TIFF itself
        width, height = height, width
    if width < 1 or height < 1:
        raise UndecodableImageError("the image has no pixels")
    # A JPEG with further pictures in it, as phones write them, is of the format MPO to Pillow.
    return Header("JPEG" if image.format == "MPO" else str(image.format), width, height, orientation)


def _upright_bgr(image: PIL.Image.Image, header: Header) -> NDArray[np.uint8]:
    """Convert band by band, each to where it belongs: beside the decoder's picture there is only the result."""
    # Not by ImageOps.exif_transpose, which writes the rest of the EXIF block anew and fails where that is broken.
    orientation = 1 if header.format == "TIFF" else header.orientation
    width, height = image.size
    turned = orientation in _TURNED
    pixels = np.empty((width, height, 3) if turned else (height, width, 3), np.uint8)
    as_filed = pixels[_AS_FILED.get(orientation, np.s_[:])]
    if turned:
        as_filed = as_filed.swapaxes(0, 1)
    if image.mode.startswith("I;"):
        convert = _deep_grey
    elif image.mode in ("I", "F"):
        convert = partial(_stretched_grey, extremes=_extremes(image))
    else:
        convert = _to_bgr
    for rows, band in _bands(image):
        as_filed[rows] = convert(band)
    return pixels


def _bands(image: PIL.Image.Image) -> Iterator[tuple[slice, PIL.Image.Image]]:
    width, height = image.size
    step = max(1, _BAND_PIXELS // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        yield slice(top, bottom), image.crop((0, top, width, bottom))


def _to_bgr(image: PIL.Image.Image) -> NDArray[np.uint8]:
    """Return 8-bit BGR, or grey as H×W×1; transparency is laid on white, as paper is."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):  # pictures that could be transparent are mostly not
            paper = PIL.Image.new("RGBA", image.size, "white")
            image = PIL.Image.alpha_composite(paper, image)
    if image.mode == "L":
        return np.asarray(image)[..., None]
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGB")
    # Exchanges the colours and leaves out the transparency on its way: of the band there is this one copy.
    return np.frombuffer(image.tobytes("raw", "BGR"), np.uint8).reshape(image.height, image.width, 3)


def _deep_grey(image: PIL.Image.Image) -> NDArray[np.uint8]:
    """Scale grey of 16 bits by its range; H×W×1."""
    return (np.asarray(image).astype(np.uint16) // 257).astype(np.uint8)[..., None]


def _stretched_grey(image: PIL.Image.Image, *, extremes: tuple[float, float]) -> NDArray[np.uint8]:
    """Scale grey of 32 bits by the extremes of the picture; H×W×1."""
    low, high = extremes
    scale = 255 / (high - low) if high > low else 0.0
    return ((_finite(image) - low) * scale).astype(np.uint8)[..., None]


def _extremes(image: PIL.Image.Image) -> tuple[float, float]:
    found = [(values.min(), values.max()) for values in (_finite(band) for _, band in _bands(image))]
    return float(min(low for low, _ in found)), float(max(high for _, high in found))


def _finite(image: PIL.Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
