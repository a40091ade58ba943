"""A PDF of two columns, drawn here, becomes a page whose words stand in the order of the file."""

from __future__ import annotations

import ctypes

import pypdfium2
import pytest
from pypdfium2 import raw

from benchmarks.papers import convert
from ocr_core.scoring import read_set

LINES = [("Alpha beta", 50, 700), ("gamma del-", 50, 680), ("ta epsilon", 50, 660), ("Zeta", 300, 700)]
"""Text, and where it begins, in points from the lower left."""
LISTING = [(letter, 50 + 8 * i, 500) for i, letter in enumerate("map ill = 1") if letter != " "]


@pytest.fixture
def pdf(tmp_path):
    document = pypdfium2.PdfDocument.new()
    page = document.new_page(600, 800)
    font = raw.FPDFText_LoadStandardFont(document, b"Helvetica")
    for text, x, y in [*LINES, *LISTING]:
        item = raw.FPDFPageObj_CreateTextObj(document, font, 12)
        letters = (text + "\0").encode("utf-16-le")
        raw.FPDFText_SetText(item, ctypes.cast(letters, raw.FPDF_WIDESTRING))
        raw.FPDFPageObj_Transform(item, 1, 0, 0, 1, x, y)
        raw.FPDFPage_InsertObject(page, item)
    page.gen_content()
    path = tmp_path / "paper.pdf"
    document.save(path)
    return path


def test_words_stand_in_the_order_of_the_file(pdf, tmp_path):
    assert convert([pdf], tmp_path / "set", dpi=144, pages=3) == 1
    pages = read_set(tmp_path / "set")
    row = pages.rows[0]
    assert pages.ordered
    assert not pages.by_line
    assert [line.text for line in row.lines] == [
        "Alpha",
        "beta",
        "gamma",
        "del-",
        "ta",
        "epsilon",
        "Zeta",
        *["map", "ill", "=", "1"],
    ]
    (left, top), _, (right, bottom), _ = row.lines[6].points
    assert (left, bottom) == pytest.approx((600, 200), abs=8)  # 300 and 100 points at two pixels a point
    assert 0 < right - left < 100
    assert 0 < bottom - top < 40
    assert pages.path(row).exists()
