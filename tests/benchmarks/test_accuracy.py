from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.accuracy import variants
from ocr_core.pages.images import decode
from ocr_core.scoring import CropRow, CropSet, PageRow, PageSet, Region

LEFT, TOP, RIGHT, BOTTOM = 10, 20, 40, 28


@pytest.fixture
def pages(tmp_path):
    page = np.full((60, 100, 3), 255, np.uint8)
    page[TOP:BOTTOM, LEFT:RIGHT] = 0
    cv2.imwrite(str(tmp_path / "page.png"), page)
    corners = ((LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM))
    return PageSet(tmp_path, (PageRow("page.png", (Region(corners, "text", ignore=True),), granularity="line"),))


@pytest.mark.parametrize(
    ("degrees", "top_left", "size"),
    [(90, (60 - TOP, LEFT), (60, 100)), (180, (100 - LEFT, 60 - TOP), (100, 60)), (270, (TOP, 100 - LEFT), (60, 100))],
)
def test_pages_are_turned_clockwise_with_their_labels(pages, degrees, top_left, size):
    checked = 0
    for name, variant in variants(pages, [degrees]):
        if variant is pages:
            continue
        row = variant.rows[0]
        points = np.array(row.lines[0].points)
        pixels = decode(variant.path(row).read_bytes()).pixels
        (left, top), (right, bottom) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
        assert name == f"{pages.name} turned {degrees}"
        assert variant.by_line
        assert row.lines[0].ignore
        assert tuple(points[0]) == top_left
        assert pixels.shape[1::-1] == size
        assert not pixels[top:bottom, left:right].any()
        assert (pixels == 0).sum() == 3 * (RIGHT - LEFT) * (BOTTOM - TOP)
        checked += 1
    assert checked == 1


def test_crops_are_not_turned(tmp_path):
    crops = CropSet(tmp_path, (CropRow("a.png", "a"),))
    assert list(variants(crops, [90, 180])) == [(tmp_path.name, crops)]
