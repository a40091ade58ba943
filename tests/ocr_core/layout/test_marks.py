from __future__ import annotations

import pytest

from ocr_core.layout.marks import list_mark, section_depth


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("• item", "bullet"),
        ("–", "bullet"),
        ("- item", "bullet"),
        ("-5 degrees", ""),
        ("1. item", "number"),
        ("(12) item", "number"),
        ("3) item", "number"),
        ("2019. A year", ""),
        ("1.5 metres", ""),
        ("[12] A. Author", "reference"),
        ("[see] there", ""),
        ("b) item", "letter"),
        ("a word", ""),
        ("", ""),
    ],
)
def test_marks_of_lists(text, kind):
    assert list_mark(text) == kind


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("1. Introduction", 1),
        ("2.1 Background", 2),
        ("2.1. Background", 2),
        ("10.2.3 Évaluation", 3),
        ("3. 結果", 1),
        ("76 A name beside a page's number", 0),
        ("1. item of a list", 0),
        ("12.50 EUR", 2),
        ("Introduction", 0),
        ("", 0),
    ],
)
def test_numbers_of_sections(text, depth):
    assert section_depth(text) == depth
