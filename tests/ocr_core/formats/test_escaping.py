"""What a page says, Markdown shows, as a renderer sees it; and what is no markup where it stands has no backslash."""

from __future__ import annotations

import html
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocr_core.formats.escaping import escape, escape_cell, escape_item, escape_lines, inline

TEXTS = st.text(alphabet=string.punctuation + "a1 é", min_size=1, max_size=30).map(lambda text: " ".join(text.split()))
MARKED = st.lists(
    st.sampled_from(
        ["*", "**", "_", "`", "~~", "[", "](", "]:", "a", "1", " ", "<", "&amp;", "\\", "|", "-", "=", "#"]
    ),
    min_size=1,
    max_size=12,
).map(lambda parts: " ".join("".join(parts).split()))
EITHER = TEXTS | MARKED


def shown(markdown):
    return MarkdownIt("gfm-like", {"linkify": False}).render(markdown)


def as_html(text):
    return html.escape(text, quote=False).replace('"', "&quot;")


@given(EITHER)
def test_a_paragraph_is_shown_as_it_is(text):
    assert shown(escape(text)) == (f"<p>{as_html(text)}</p>\n" if text else "")


@given(st.lists(EITHER.filter(bool), min_size=1, max_size=4))
def test_lines_are_shown_as_they_are(texts):
    lines = "<br />\n".join(map(as_html, texts))
    assert shown(escape_lines(texts)) == f"<p>{lines}</p>\n"


def test_lines_without_text_leave_nothing():
    assert escape_lines(["a", " ", "b", ""]) == "a\\\nb"
    assert escape_lines([""]) == ""


@given(EITHER.filter(bool))
def test_items_are_shown_as_they_are(text):
    assert shown(f"- {escape_item(text)}") == f"<ul>\n<li>{as_html(text)}</li>\n</ul>\n"


@given(EITHER, EITHER)
def test_cells_are_shown_as_they_are(one, other):
    table = shown(f"| {escape_cell(one)} | {escape_cell(other)} |\n| --- | --- |\n")
    assert re.findall("<th>(.*?)</th>", table) == [as_html(one), as_html(other)]


@given(EITHER.filter(lambda text: text and not text.endswith("#")))
def test_headings_are_shown_as_they_are(text):
    assert shown(f"# {inline(text)}") == f"<h1>{as_html(text)}</h1>\n"


@pytest.mark.parametrize(
    "text",
    [
        "see [34] and [12, 13], f(x)[i], a[0]",
        "[34] A. Author",
        "a < b > c, 5 > 3",
        "2 * 3 * 4, but not *",
        "Smith* and Jones*, of ~5 or ~6",
        "https://a.example/b_c?d_é=1 file_name.txt a__b",
        r"C:\Users and \alpha",
        "left | right",
        "it`s one",
        "R&D; &",
        "3.5 items #2 -1 +4 = 6",
        "1.5 is no number of an item, 2.a neither",
        "-5 degrees",
        "#hash and #1",
        "\u0661. in other digits",
    ],
)
def test_what_is_no_markup_has_no_backslash(text):
    assert escape(text) == inline(text) == text


@pytest.mark.parametrize("title", ["1. Introduction", "- a -", "> more", "+ 3"])
def test_marks_of_lists_are_none_in_headings_and_cells(title):
    assert inline(title) == escape_cell(title) == title
    assert escape(title) != title


@pytest.mark.parametrize("box", ["[ ] to do", "[x] done", "[X]"])
def test_boxes_are_not_those_to_tick(box):
    """GitHub makes boxes of them, which the renderer of these tests does not."""
    assert escape_item(box) == f"\\{box}"
    assert escape(box) == box


@pytest.mark.parametrize("rule", [":-", "-:", ":---", ":-:", "---:", "-", "--- | ---", "| - |"])
def test_a_line_of_colons_and_dashes_makes_no_table_of_the_one_before(rule):
    """GitHub takes it for the rule below a head of one column, though there is no bar; what tests render does not."""
    assert escape_lines(["a | b", rule]).endswith(f"\n\\{rule}")


@pytest.mark.parametrize("written", ["-" * 200_000 + "x", "- " * 100_000 + "x", "=" * 200_000 + "x", "[" * 200_000])
def test_a_line_that_is_almost_markup_takes_no_time(written):
    """A hostile text layer has such ones: an expression that tries again from each dash would take an hour."""
    assert escape(written).replace("\\", "") == written
    assert escape_lines(["a", written]).replace("\\", "") == f"a\n{written}"
