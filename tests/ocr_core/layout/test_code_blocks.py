"""Listings among running text. A letter is ten wide and rows are 26 apart; `=` before a row says that it is typed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ocr_core.layout.blocks import find_blocks

PROSE = ["Of the text on a page most is set in", "lines as wide as this one is, but for", "the last."]
CODE = ["=def f(x):", "=    if x:", "=        return 1", "=    return 2"]


def rows(texts, top=100, left=10, pitch=26):
    """Give (text, left, top, whether it is typed) for each row, none for blank ones."""
    for i, text in enumerate(texts):
        typed = text.startswith("=")
        shown = text.removeprefix("=")
        indent = len(shown) - len(shown.lstrip())
        if shown.strip():
            yield shown.lstrip(), left + 10 * indent, top + pitch * i, typed


def quad(text, left, top):
    right, bottom = left + 10 * len(text), top + 20
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def words_of(text, left, top):
    return [(word[0], quad(word[0], left + 10 * word.start(), top)) for word in re.finditer(r"\S+", text)]


def blocks(*groups, words=False):
    lines = [line for group in groups for line in group]
    return find_blocks(
        [quad(*line[:3]) for line in lines],
        [" ".join(line[0].split()) for line in lines],
        [words_of(*line[:3]) for line in lines] if words else (),
        typed=[(line[0], 10.0) if line[3] else ("", 0.0) for line in lines],
    ).blocks


def told(*groups):
    return [block.code or block.kind for block in blocks(*groups)]


def test_a_listing_keeps_its_rows_and_indents():
    found = told(rows(PROSE), rows(CODE, top=200, left=30), rows(PROSE, top=330))
    assert found == ["paragraph", tuple(row[1:] for row in CODE), "paragraph"]


def test_it_keeps_blank_rows_and_the_spaces_before_a_comment_that_stands_apart():
    listing = [*rows(["=x = 1", "", "=y  =  2"], top=200), ("# two", 150, 252, True)]
    assert told(rows(PROSE), listing) == ["paragraph", ("x = 1", "", "y  =  2       # two")]


def test_rows_of_signs_alone_belong_to_the_listing_though_their_font_has_them_from_another():
    assert told(rows(PROSE), rows(["=f(() => {", "=    go()", "});"], top=200)) == [
        "paragraph",
        ("f(() => {", "    go()", "});"),
    ]


def test_numbers_of_rows_stand_before_them():
    numbers = [("9", 10, 200, False), ("10", 10, 226, False)]
    code = [("go(1)", 50, 200, True), ("go(2)", 50, 226, True)]
    listing = [line for pair in zip(numbers, code, strict=True) for line in pair]
    assert told(rows(PROSE), listing) == ["paragraph", ("9   go(1)", "10  go(2)")]


def test_a_row_in_a_column_of_its_own_begins_another_listing():
    found = told(rows(PROSE), rows(CODE, top=200), rows(["=end", "=f(1)"], top=100, left=600))
    assert found[1:] == [tuple(row[1:] for row in CODE), ("end", "f(1)")]


@pytest.mark.parametrize(
    "row",
    ["=https://example.org/a/b", "=some_name", "=writer and reader"],
    ids=["an address", "a name", "two names"],
)
def test_what_is_typed_within_running_text_is_none(row):
    assert not any(block.code for block in blocks(rows([PROSE[0], row, PROSE[1]])))
    assert not any(block.code for block in blocks(rows(PROSE), rows([row], top=200)))


def test_a_command_that_stands_alone_is_one():
    assert told(rows(PROSE), rows(["=$ make install"], top=200), rows(PROSE, top=250))[1] == ("$ make install",)
    assert not any(block.code for block in blocks(rows([PROSE[0], "=$ make install", PROSE[1]])))


def test_letters_that_are_typed_have_no_listings_but_code_has():
    letter = [f"={row}" for row in (*PROSE, *PROSE)]
    assert not any(block.code for block in blocks(rows(letter)))
    assert not any(block.code for block in blocks(rows(letter), rows(["=12 High Street", "=London"], top=300)))
    program = ["=f(x):", *CODE, "=print(f(2))"]
    assert told(rows(program)) == [tuple(row[1:] for row in program)]


def test_an_index_of_names_is_no_listing():
    index = [f"=\\name{n} . . . . . . {n}" for n in range(4)]
    assert not any(block.code for block in blocks(rows(PROSE), rows(index, top=200)))


def test_without_knowledge_of_fonts_there_are_none():
    lines = list(rows(CODE))
    found = find_blocks([quad(*line[:3]) for line in lines], [line[0] for line in lines]).blocks
    assert not any(block.code for block in found)


def test_a_listing_keeps_its_first_rows_below_a_line_with_which_no_table_begins():
    body = [f"=    {name} = {i} + 14" for i, name in enumerate("xyzuvw", start=12)]
    listing = ["=def f(a, b):", *body, "=    return x"] * 4
    found = blocks(rows(["Options: 12 14 16"], top=70), rows(listing), rows(PROSE, top=1300), words=True)
    assert [block.code for block in found] == [(), tuple(row[1:] for row in listing), ()]


def test_indents_gaps_and_blank_rows_have_bounds():
    far = [("f(1)", 10, 200, True), ("f(2)", 90_000, 200, True), ("f(3)", 90_000, 226, True)]
    apart = [("g(1)", 10, 226 + 26 * n, True) for n in (1, 2, 5)]
    (listing,) = [block.code for block in blocks(rows(PROSE), far, apart) if block.code]
    assert max(map(len, listing)) <= 204
    near = [("f(1)", 10, 200, True), ("f(2)", 10, 200.01, True), ("f(3)", 10, 260, True)]
    assert all(block.code.count("") <= 2 for block in blocks(rows(PROSE), near))


@pytest.mark.parametrize("space", [1e-9, 0.5, float("inf"), float("nan")])
def test_spaces_of_no_width_tell_nothing(space):
    lines = [*rows(PROSE), *rows(CODE, top=200)]
    typed = [(line[0], space) if line[3] else ("", 0.0) for line in lines]
    found = find_blocks([quad(*line[:3]) for line in lines], [line[0] for line in lines], typed=typed).blocks
    assert not any(block.code for block in found)
