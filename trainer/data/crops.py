"""Text lines cut from labelled pages once, by the crop that serves, and kept as compressed images in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import shapely

from ocr_core.charset import Charset, normalize
from ocr_core.errors import ImageError
from ocr_core.geometry import Points, min_area_quad
from ocr_core.pages.images import decode
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import cut_line
from ocr_core.scoring.datasets import LabelledSet, PageRow, Region
from trainer.data.problems import Problems


@dataclass(frozen=True, slots=True)
class Crop:
    """One line: a losslessly compressed image and its text."""

    png: bytes
    text: str
    place: str
    """Image and number of the line, for reports."""

    @classmethod
    def of(cls, pixels: Pixels, text: str, place: str) -> Crop:
        """Compress H×W×3 BGR pixels."""
        return cls(cv2.imencode(".png", pixels)[1].tobytes(), text, place)

    @property
    def pixels(self) -> Pixels:
        """H×W×3, BGR."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def read_image(path: Path, problems: Problems) -> Pixels | None:
    """Return an image upright as BGR; None, and a problem counted, where it cannot be read."""
    try:
        return decode(path.read_bytes()).pixels
    except (OSError, ImageError):
        problems.add("unreadable image", str(path))
        return None


def cut_crops(rows: LabelledSet, height: int, charset: Charset, problems: Problems) -> list[Crop]:
    """Return every readable line of a set, `height` pixels high; what cannot be learned is counted in `problems`."""
    found = readable_lines(rows, charset, problems)
    return [Crop.of(cut_line(pixels, quad, height), text, place) for place, pixels, quad, text in found]


def readable_lines(
    rows: LabelledSet, charset: Charset, problems: Problems
) -> Iterator[tuple[str, Pixels, Points, str]]:
    """Yield place, page, quad (4×2) and text of every line that can be learned; the others are counted."""
    for place, pixels, region in _lines(rows, problems):
        text = normalize(region.text)
        corners = np.asarray(region.points, np.float32)
        if not shapely.Polygon(corners).is_valid:
            problems.add("crossing polygon", place)
        elif not text:
            problems.add("no text", place)
        elif any(character not in charset for character in text):
            problems.add("outside the charset", place)
        else:
            yield place, pixels, corners if len(corners) == 4 else min_area_quad(corners)[0], text


def _lines(rows: LabelledSet, problems: Problems) -> Iterator[tuple[str, Pixels, Region]]:
    """Yield place, page and line; a cropped line is a page with one line that fills it."""
    for row in rows.rows:
        pixels = read_image(rows.path(row), problems)
        if pixels is None:
            continue
        if isinstance(row, PageRow):
            for number, line in enumerate(row.lines):
                if not line.ignore:
                    yield f"{rows.path(row)}:{number}", pixels, line
        else:
            height, width = pixels.shape[:2]
            yield str(rows.path(row)), pixels, Region(((0, 0), (width, 0), (width, height), (0, height)), row.text)
