"""Text layers in fonts whose letters are all of one width, and what is no text in them."""

from __future__ import annotations

import numpy as np
import pytest
from first_pages import first_page
from pdfs import document, paragraph, text

from ocr_core.pages.glyphs import Characters, Frame, Glyph
from ocr_core.pages.text_layer import form_lines
from ocr_core.pages.typewriting import Pitches, typed

CODE = ("def total(prices):", "    tax  = 0.19", "}", "12 return sum(prices)  # all of it")
PROSE = ("Let i j l be the imminent widths", "12345", "IiIi mmm WWW")


def typed_of(content):
    page, _ = first_page(document([content]))
    return page, [line.typed for line in page.lines]


def test_typewritten_lines_keep_all_spaces_between_words():
    page, typed = typed_of(paragraph(CODE, font="T"))
    assert typed == ["def total(prices):", "tax  = 0.19", "}", "12 return sum(prices)  # all of it"]
    assert [line.text for line in page.lines][1] == "tax = 0.19"
    width = 12 * 0.6 * page.dpi / 72  # Courier's, of 12 points
    assert all(line.space == pytest.approx(width, rel=0.02) for line in page.lines)


def test_letters_whose_ink_leaves_their_boxes_are_typewritten_where_they_stand_in_columns():
    """PDFium makes the box of such a letter wider: that of m in Courier, and of f and p."""
    lines = ("import numpy as np", "from pathlib import Path", "class Simple:")
    assert typed_of(paragraph(lines, font="T"))[1] == list(lines)


def test_other_fonts_are_not_typewritten_though_all_figures_are_of_one_width():
    page, typed = typed_of(paragraph(PROSE))
    assert [line.text for line in page.lines] == list(PROSE)
    assert not any(typed)
    assert not any(line.space for line in page.lines)


def test_short_lines_are_typewritten_where_longer_ones_are_in_their_font():
    mixed = text("end", 72, 700, font="T") + text("end", 72, 600)
    assert typed_of(mixed)[1] == ["", ""]
    assert typed_of(mixed + paragraph(CODE, y=500, font="T"))[1][:2] == ["end", ""]


def test_a_line_with_one_word_in_another_font_is_not_typewritten():
    content = text("The function", 72, 700) + text("total_of", 142, 700, font="T") + text("sums it up", 205, 700)
    assert typed_of(content + paragraph(CODE, y=500, font="T"))[1][0] == ""


@pytest.mark.parametrize(("ink", "lines"), [(0.1, ["abcd"]), (0.9, ["abcd", "\N{TELEPHONE LOCATION SIGN}"])])
def test_pieces_of_frames_are_no_text(ink, lines):
    """A font of quarters of circles says that they are telephones and crosses: large boxes, ink in a corner of each."""
    boxes = [(10.0 * i, 100.0, 10.0 * i + 5, 110.0) for i in range(4)] + [(130.0, 75.0, 139.0, 135.0)]
    inks = [*boxes[:4], (130.0, 75.0, 139.0, 75.0 + 60 * ink)]
    texts = "abcd\N{TELEPHONE LOCATION SIGN}"
    flat = np.zeros(5, np.float32)
    characters = Characters(
        code=np.array([ord(c) for c in texts], np.uint32),
        box=np.array(boxes, np.float32),
        ink=np.array(inks, np.float32),
        angle=flat,
        size=flat + 10,
        painted=np.zeros(5, np.uint32),
        flags=np.zeros(5, np.uint32),
    )
    found = form_lines(characters, Frame((0, 0, 200, 200), 0), np.zeros(5, np.bool_))
    assert [line.text for line in found] == lines


def test_no_gap_makes_a_line_longer_than_a_row_of_any_program():
    few = [Glyph(c, 0.0, 10.0 * i, 10.0 * i + 10, 0.0, 20.0, True, True) for i, c in enumerate("fill jolt")]
    far = [*few, Glyph("x", 0.0, 1e7, 1e7 + 10, 0.0, 20.0, True, True)]
    assert len(typed(far, Pitches(((10.0, 20.0),), 1.0))[0]) <= 201
