from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.scoring.text import alphanumeric, characters, edit_distance, nfkc, squash, words


def table_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        above, row = row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (x != y)))
    return row[-1]


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("total", "total", 0),
        ("intention", "execution", 5),
        ("ab", "ba", 2),
        ("发票", "发票号", 1),
    ],
)
def test_edit_distance_of_known_pairs(a, b, distance):
    assert edit_distance(a, b) == distance


@given(st.text("ab c", max_size=90), st.text("ab c", max_size=90))
def test_edit_distance_equals_the_table_of_the_definition(a, b):
    assert edit_distance(a, b) == table_distance(a, b)


def test_folding_makes_compatible_forms_equal():
    assert nfkc(" ＲＭ\u3000５．００ ") == "RM 5.00"
    assert nfkc("ﬁle") == "file"


def test_squash_removes_every_kind_of_white_space_and_keeps_case():
    assert squash(" Grand\u00a0Total :\t5 ") == "GrandTotal:5"


def test_alphanumeric_keeps_letters_and_digits_of_any_script():
    assert alphanumeric("Café No. 7-Ä 号") == "caféno7ä号"


def test_words_and_characters_are_case_folded():
    assert words("Total  DUE: 5") == ["total", "due:", "5"]
    assert characters("A ß") == ["a", "ss"]
