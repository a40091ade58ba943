"""The golden sample: a small image, and the lines that a bundle must read in it before it is trusted.

It catches what hashes cannot: weights with another model's dictionary, or an engine that computes something else.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ocr_core.bundle.reader import Bundle
from ocr_core.errors import BundleCorruptError
from ocr_core.preprocess import Pixels

Read = Callable[[Pixels], tuple[str, ...]]
"""Reads an H×W×3 BGR image and returns its lines."""


def draw_sample(text: str) -> Pixels:
    """Return a white H×W×3 page with `text` (printable ASCII) in one black line."""
    font, scale, thickness = cv2.FONT_HERSHEY_SIMPLEX, 1.4, 2
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    page = np.full((height * 5, width + height * 4, 3), 255, np.uint8)
    cv2.putText(page, text, (height * 2, height * 3), font, scale, (0, 0, 0), thickness, cv2.LINE_AA)
    return page


def encode_sample(pixels: Pixels) -> bytes:
    """Return the image as PNG."""
    return cv2.imencode(".png", pixels)[1].tobytes()


def golden_pixels(bundle: Bundle) -> Pixels:
    """Return the golden image of a bundle, H×W×3 BGR."""
    path = bundle.file(bundle.manifest.golden.image)
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise BundleCorruptError(f"{path}: not an image. Publish the bundle again.")
    return pixels.astype(np.uint8, copy=False)


def check_golden(bundle: Bundle, read: Read) -> None:
    """Raise BundleCorruptError unless `read`, an engine with this bundle, reads the golden image as the manifest says.

    An engine is passed as what it does: `lambda pixels: tuple(line.text for line in engine.read(pixels, o).lines)`.
    """
    expected, found = bundle.manifest.golden.text, read(golden_pixels(bundle))
    if found != expected:
        raise BundleCorruptError(
            f"{bundle.ref} reads its golden image as {list(found)} and should read {list(expected)}: weights, "
            "characters and engine do not fit together. Publish the bundle again, or try another backend."
        )
