from __future__ import annotations

import random
from dataclasses import replace

import pytest

from benchmarks.markdown import elements_of, markdown_of, without_mark
from benchmarks.markdown_pages import Element, Setter, drawn_elements, drawn_style


def test_elements_are_what_a_renderer_sees():
    markdown = (
        "# Title\n\nOne\\\nline\n\n- a\n  - b\n1. c\n\n```\nx = 1\n\n    y = `2`\n```\n\n<!-- page 2 -->\n\nTwo\n"
    )
    assert list(elements_of(markdown)) == [
        Element("heading", "Title", 1),
        Element("paragraph", "One line"),
        Element("item", "a", 0),
        Element("item", "b", 1),
        Element("item", "c", 0),
        Element("code", "x = 1"),
        Element("code", "    y = `2`"),
        Element("paragraph", "Two"),
    ]


@pytest.mark.parametrize("columns", [1, 2])
def test_a_drawn_document_says_what_it_was_drawn_from(columns):
    draw = random.Random(7)
    style = replace(drawn_style(draw), columns=columns, heads=False)
    elements = drawn_elements(draw, style)
    assert {element.kind for element in elements} == {"heading", "paragraph", "item", "code"}
    markdown = markdown_of(Setter(draw, style).set(elements))
    words = markdown.replace("-", " ").split()
    for element in elements:
        longest = max(without_mark(element).text.replace("-", " ").split(), key=len)
        assert longest[:3] in " ".join(words)
    assert markdown_of(Setter(draw, style).set([Element("heading", "Title of it all", 1)])) == "Title of it all\n"
