from __future__ import annotations

import pytest

from ocr_core.layout.paragraphs import compounds_in, join_lines


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        ([], ""),
        (["one line"], "one line"),
        (["two  lines ", " of text"], "two lines of text"),
        (["nothing", "", " ", "between"], "nothing between"),
        (["the com-", "puter", "on the ta-", "ble"], "the computer on the table"),
        (["a soft one, com\u00ad", "puter"], "a soft one, computer"),
        (["the two-", "column page, or Two-Column"], "the two-column page, or Two-Column"),
        (["before it was two-column, now two-", "column"], "before it was two-column, now two-column"),
        (["state-of-the-", "art"], "state-of-the-art"),
        (["Jean-", "Paul and COVID-", "19"], "Jean-Paul and COVID-19"),
        (["a dash -", "stays"], "a dash - stays"),
        (["from 1990-", "and 5-", "fold"], "from 1990- and 5- fold"),
        (["an open end-"], "an open end-"),
        (["well-", "(known)"], "well- (known)"),
        (["die Grö-", "ße"], "die Größe"),
        (["人人生而自由，", "在尊严", "and so on,", "权利"], "人人生而自由，在尊严 and so on, 权利"),
        (["사람은 태어날", "때부터"], "사람은 태어날 때부터"),
    ],
)
def test_lines_become_text(lines, joined):
    assert join_lines(lines) == joined


def test_compounds_that_other_lines_spell_out_keep_their_hyphen():
    known = compounds_in(["A Kronecker-based product,", "and lazily-evaluated ones"])
    assert join_lines(["a Kronecker-", "based pro-", "duct"], known) == "a Kronecker-based product"
    assert join_lines(["Lazily-", "evaluated"], known) == "Lazily-evaluated"


@pytest.mark.parametrize("word", ["a" * 200_000, "a_" * 100_000, "a-" * 100_000 + "b", "-" * 200_000])
def test_words_without_an_end_are_joined_as_well(word):
    """A hostile text layer has such ones: expressions that try again from each letter would take hours."""
    assert join_lines([word, "b" + word]) == f"{word} b{word}"
