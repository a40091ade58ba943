"""PDFs whose text is not where it seems, is not seen, or is not in order: none of it becomes a label."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.render.pdf import PdfLibrary

CHARACTERS = frozenset("".join(map(chr, range(32, 127))))
PAGE = "/MediaBox [0 0 300 200]"
TEXT = "(Hello world) Tj"
NO_SHAPE = "1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfchar <41> <200b> endbfchar"
"""The letter A stands for U+200B, a space without width."""


def written(path, drawn, page=PAGE):
    """Write a PDF of one page; PDFium makes up the table of its objects."""
    content = f"BT /F1 12 Tf 1 0 0 1 80 120 Tm {drawn} ET"
    font = "/Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R {page} /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> /Contents 4 0 R >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        f"<< {font} >>",
        f"<< {font} /ToUnicode 7 0 R >>",
        f"<< /Length {len(NO_SHAPE)} >>\nstream\n{NO_SHAPE}\nendstream",
    ]
    body = "".join(f"{number} 0 obj\n{text}\nendobj\n" for number, text in enumerate(objects, 1))
    path.write_text(f"%PDF-1.7\n{body}trailer << /Root 1 0 R >>\n%%EOF\n", "ascii")
    return PdfLibrary.from_folders(CHARACTERS, [path.parent])


def lines_of(library):
    return library._page(0, 0).lines


@pytest.mark.parametrize(
    "page", [PAGE, "/MediaBox [-70 -90 300 200]", "/MediaBox [60 40 300 200]", f"{PAGE} /CropBox [70 100 250 150]"]
)
def test_lines_are_where_their_ink_is_wherever_the_page_begins(tmp_path, page):
    library = written(tmp_path / "a.pdf", TEXT, page)
    (line,) = lines_of(library)
    assert (line.text, line.readable) == ("Hello world", True)
    left, top, right, bottom = line.box
    around = library.raster(0, 0, 2.0, (left - 3, top - 3, right + 3, bottom + 3)).min(axis=2)
    rows, columns = (np.flatnonzero(around.min(axis=axis) < 128) for axis in (1, 0))
    assert rows[[0, -1]] == pytest.approx([6, around.shape[0] - 7], abs=2)
    assert columns[[0, -1]] == pytest.approx([6, around.shape[1] - 7], abs=2)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_is_turned_has_no_lines(tmp_path, degrees):
    assert lines_of(written(tmp_path / "a.pdf", TEXT, f"{PAGE} /Rotate {degrees}")) == ()


@pytest.mark.parametrize(
    "drawn",
    [
        f"3 Tr {TEXT}",
        f"1 g {TEXT}",
        f"{TEXT} ET 0 g 70 110 200 30 re f BT",
        "(Hello) Tj 3 Tr ( world) Tj",
    ],
    ids=["invisible", "white", "covered", "a word of it"],
)
def test_what_is_not_seen_is_not_readable(tmp_path, drawn):
    (line,) = lines_of(written(tmp_path / "a.pdf", drawn))
    assert (line.text, line.readable) == ("Hello world", False)


def test_pale_text_is_readable(tmp_path):
    (line,) = lines_of(written(tmp_path / "a.pdf", f"1 1 0 rg {TEXT}"))
    assert line.readable


def test_characters_without_a_shape_are_no_line(tmp_path):
    drawn = f"{TEXT} 0 -30 Td /F2 12 Tf (A) Tj 0 -30 Td (AA A) Tj"
    assert [line.text for line in lines_of(written(tmp_path / "a.pdf", drawn))] == ["Hello world"]


@pytest.mark.parametrize("text", ["a b c d", "x = y + z", "G A T T A C A"])
def test_letters_that_are_set_apart_stay_apart(tmp_path, text):
    (line,) = lines_of(written(tmp_path / "a.pdf", f"({text}) Tj"))
    assert (line.text, line.readable) == (text, False)


def test_no_character_begins_or_ends_before_the_one_ahead_of_it(tmp_path):
    (line,) = lines_of(written(tmp_path / "a.pdf", "[(W) 900 (.) 100 (a) 300 (sh)] TJ"))
    assert line.readable
    assert np.all(np.diff(line.spans.reshape(-1)) >= 0)
