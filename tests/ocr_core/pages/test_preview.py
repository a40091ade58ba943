from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ocr_core.pages.preview import SIDE, encode_preview


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((40, 30), (40, 30)),
        ((SIDE, 10), (SIDE, 10)),
        ((3200, 2400), (1600, 1200)),
        ((2000, 4000), (800, 1600)),
        ((16_000, 1), (1600, 1)),  # a side is never nothing
    ],
)
def test_what_is_larger_is_shrunk_in_proportion(size: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = Image.open(io.BytesIO(encode_preview(np.zeros((size[1], size[0], 3), np.uint8))))
    assert (picture.format, picture.size) == ("JPEG", expected)


def test_colours_stay_what_they_are() -> None:
    blue = np.full((20, 20, 3), (255, 0, 0), np.uint8)  # in BGR order
    red, _, blueness = Image.open(io.BytesIO(encode_preview(blue))).getpixel((10, 10))
    assert blueness > 240 > 20 > red
