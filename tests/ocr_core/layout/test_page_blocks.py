"""Pages are written as lines: text, left, top and, where it is not 20, the height. A letter is half as wide as high."""

from __future__ import annotations

from itertools import chain

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.layout.blocks import MOST_ROWS, find_blocks
from ocr_core.layout.paragraphs import join_lines


def quad(text, left, top, height=20):
    right, bottom = left + len(text) * height / 2, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def blocks_of(page, *, degrees=0.0, scale=1.0):
    matrix = cv2.getRotationMatrix2D((300, 300), -degrees, scale)
    quads = [cv2.transform(quad(*line)[None], matrix)[0].astype(np.float32) for line in page]
    return find_blocks(quads, [line[0] for line in page]).blocks


def told(page, **view):
    """Return the blocks as (kind, text), (heading level, text), (list, items) or (table, rows of cells)."""
    texts = [line[0] for line in page]

    def text(lines):
        return join_lines([texts[i] for i in lines])

    return [
        (block.kind, [[text(cell) for cell in row] for row in block.cells])
        if block.cells
        else (block.kind, [text(item) for item in block.items])
        if block.items
        else (block.level or block.kind, text(block.lines))
        for block in blocks_of(page, **view)
    ]


def below(texts, left=10, top=100, pitch=26):
    return [(text, left, top + pitch * i) for i, text in enumerate(texts)]


TEXT = ["Of the text on a page most is set in", "lines as wide as this one is, but for", "the last."]
MORE = ["Another paragraph begins here, and it", "has two lines of which one is short."]
ONE, TWO = " ".join(TEXT), " ".join(MORE)

PAGES = [
    pytest.param([], [], id="nothing"),
    pytest.param([("one line", 10, 10)], [("paragraph", "one line")], id="one line"),
    pytest.param(below(TEXT), [("paragraph", ONE)], id="a paragraph"),
    pytest.param(
        below(TEXT) + below(MORE, top=178), [("paragraph", ONE), ("paragraph", TWO)], id="a short last line ends one"
    ),
    pytest.param(
        below(TEXT[:2]) + below(MORE, top=180),
        [("paragraph", " ".join(TEXT[:2])), ("paragraph", TWO)],
        id="so does a wide space",
    ),
    pytest.param(
        [*below(TEXT[:2]), (MORE[0], 35, 152), (MORE[1], 10, 178)],
        [("paragraph", " ".join(TEXT[:2])), ("paragraph", TWO)],
        id="and an indent",
    ),
    pytest.param(
        below([*TEXT, *TEXT[:2]]) + below([TEXT[1], "the very last."], left=500),
        [("paragraph", ONE), ("paragraph", " ".join([*TEXT[:2], TEXT[1], "the very last."]))],
        id="but where the next column goes on in small letters",
    ),
    pytest.param(
        [*below([*TEXT, *TEXT[:2]]), ("1A note is smaller", 10, 260, 15), *below(TEXT[1:], left=500)],
        [
            ("paragraph", ONE),
            ("paragraph", f"{TEXT[0]} {TEXT[1]} {TEXT[1]} {TEXT[2]}"),
            ("paragraph", "1A note is smaller"),
        ],
        id="a note at the foot of the first column comes behind",
    ),
    pytest.param(
        [("• " + TEXT[0], 10, 100), (TEXT[1], 30, 126), *below(TEXT[1:], left=500)],
        [("list", [f"• {TEXT[0]} {TEXT[1]} {TEXT[1]} {TEXT[2]}"])],
        id="an item goes on in the next column",
    ),
    pytest.param(
        [*below(["x + 1"], top=200), *below(["where", "it is"], left=500)],
        [("paragraph", "x + 1"), ("lines", ["where", "it is"])],
        id="a formula goes on nowhere",
    ),
    pytest.param(
        below(TEXT) + below(MORE, left=500), [("paragraph", ONE), ("paragraph", TWO)], id="and the end of a column"
    ),
    pytest.param(
        [("The first line of a centred title", 60, 20, 40), ("and its second", 250, 70, 40), *below(TEXT, top=200)],
        [(1, "The first line of a centred title and its second"), ("paragraph", ONE)],
        id="a title",
    ),
    pytest.param(
        [
            ("12 High Street", 110, 10),
            ("London", 150, 36),
            ("Open from ten to five daily", 45, 62),
            *below(TEXT, top=120),
        ],
        [("lines", ["12 High Street", "London", "Open from ten to five daily"]), ("paragraph", ONE)],
        id="centred lines that end early",
    ),
    pytest.param(
        below(["18/11/2026 08:42 No. 004711", "Thank you & see you soon!"]),
        [("lines", ["18/11/2026 08:42 No. 004711", "Thank you & see you soon!"])],
        id="a date, and a sentence below it",
    ),
    pytest.param(
        [("Large", 10, 10, 29), *below(TEXT), ("Less large", 10, 200, 26), *below(TEXT, top=260)],
        [(2, "Large"), ("paragraph", ONE), (3, "Less large"), ("paragraph", ONE)],
        id="headings by size",
    ),
    pytest.param(
        [("1. Sections", 10, 50, 22), *below(TEXT), ("1.1 Parts", 10, 210, 22), *below(TEXT, top=260)],
        [(2, "1. Sections"), ("paragraph", ONE), (3, "1.1 Parts"), ("paragraph", ONE)],
        id="headings by number",
    ),
    pytest.param(
        [*below(TEXT), ("x = 2 + 3 (1)", 60, 200, 30), *below(TEXT, top=260)],
        [("paragraph", ONE), ("paragraph", "x = 2 + 3 (1)"), ("paragraph", ONE)],
        id="a tall formula is no heading",
    ),
    pytest.param(
        [("• " + TEXT[0], 10, 100), *below(TEXT[1:], left=30, top=126), ("• " + MORE[0], 10, 178), (MORE[1], 30, 204)],
        [("list", ["• " + ONE, "• " + TWO])],
        id="a list with bullets, its lines indented",
    ),
    pytest.param(
        [("• an item set", 10, 100), ("of two lines", 30, 126), ("• an item set", 10, 152), ("of two lines", 30, 178)],
        [("list", ["• an item set of two lines"] * 2)],
        id="a narrow list",
    ),
    pytest.param(
        [("•", 10, 100), *below(TEXT, left=40), ("•", 10, 178), *below(MORE, left=40, top=178)],
        [("list", ["• " + ONE, "• " + TWO])],
        id="bullets in boxes of their own",
    ),
    pytest.param(
        [*below(TEXT), ("1) first", 40, 200), ("2) second", 40, 226), ("3) third", 40, 252), *below(MORE, top=300)],
        [("paragraph", ONE), ("list", ["1) first", "2) second", "3) third"]), ("paragraph", TWO)],
        id="a numbered list between paragraphs",
    ),
    pytest.param(
        [
            ("[1] A. Author. " + TEXT[0], 10, 100),
            (TEXT[1], 45, 126),
            ("[2] B. " + TEXT[0], 10, 152),
            (TEXT[1], 45, 178),
        ],
        [("list", [f"[1] A. Author. {TEXT[0]} {TEXT[1]}", f"[2] B. {TEXT[0]} {TEXT[1]}"])],
        id="references",
    ),
    pytest.param(
        [("Date", 10, 10), ("5 May", 200, 10), ("Total", 10, 36), ("9.00", 210, 36)],
        [("table", [["Date", "5 May"], ["Total", "9.00"]])],
        id="two rows of labels and values",
    ),
    pytest.param(
        [
            *below(TEXT, top=0),
            *(line for r in range(3) for line in [(f"Row {r}", 10, 100 + 26 * r), (f"{r}.50", 150, 101 + 26 * r)]),
            *below(MORE, top=210),
        ],
        [("paragraph", ONE), ("table", [[f"Row {r}", f"{r}.50"] for r in range(3)]), ("paragraph", TWO)],
        id="a table between paragraphs",
    ),
    pytest.param(
        [
            *[("Name", 10, 10), ("What it does", 150, 10), ("Size", 400, 10)],
            *[("north", 10, 50), ("a cell whose text", 150, 50), ("12", 420, 50)],
            ("takes two lines", 150, 74),
            *[("south", 10, 114), ("a cell", 150, 114), ("7", 430, 114)],
        ],
        [
            (
                "table",
                [
                    ["Name", "What it does", "Size"],
                    ["north", "a cell whose text takes two lines", "12"],
                    ["south", "a cell", "7"],
                ],
            )
        ],
        id="a cell of two lines",
    ),
    pytest.param(
        [
            *[("north", 10, 10), ("1.5", 200, 10), ("2.5", 300, 10)],
            *[("south", 10, 40), ("3.5", 300, 40)],
            *[("east", 10, 70), ("4.5", 200, 70), ("5.5", 300, 70)],
        ],
        [("table", [["north", "1.5", "2.5"], ["south", "", "3.5"], ["east", "4.5", "5.5"]])],
        id="an empty cell",
    ),
    pytest.param(
        below(["CUSTOMER COPY", "SUPERSTORE 10", "5050 HIGH ST"]) + below(TEXT, top=200),
        [("lines", ["CUSTOMER COPY", "SUPERSTORE 10", "5050 HIGH ST"]), ("paragraph", ONE)],
        id="narrow lines",
    ),
    pytest.param(
        below(["Superstore of the High Street 10", "5050 HIGH ST, LONDON, W1A 1AA"]) + below(TEXT, top=200),
        [("lines", ["Superstore of the High Street 10", "5050 HIGH ST, LONDON, W1A 1AA"]), ("paragraph", ONE)],
        id="names and numbers are no running text though each row is full",
    ),
    pytest.param(
        below(["while (true) {", "let us = await some(port);", "go on()", "}", "or end it here"]),
        [("lines", ["while (true) {", "let us = await some(port);", "go on()", "}", "or end it here"])],
        id="nor are rows most of which have room for more",
    ),
    pytest.param(
        below(["Julia, Multithreading, Parallelism, Opti-", "mization, Compiler, Runtime"]) + below(TEXT, top=200),
        [("paragraph", "Julia, Multithreading, Parallelism, Optimization, Compiler, Runtime"), ("paragraph", ONE)],
        id="but where a word goes on in the next row",
    ),
    pytest.param(
        below([f"{name} STORES ARE HAPPY TO TAKE BACK" for name in ("OUR", "ALL", "BIG", "OLD", "NEW")] + ["IT"]),
        [
            (
                "paragraph",
                " ".join(
                    [f"{name} STORES ARE HAPPY TO TAKE BACK" for name in ("OUR", "ALL", "BIG", "OLD", "NEW")] + ["IT"]
                ),
            )
        ],
        id="capitals may be running text where there are many full rows of them",
    ),
    pytest.param(
        [
            ("2.2 Solution Technique: Turning to", 10, 50, 24),
            ("Another Program", 46, 80, 24),
            *below(TEXT * 2, top=140),
        ],
        [(3, "2.2 Solution Technique: Turning to Another Program"), ("paragraph", ONE), ("paragraph", ONE)],
        id="the second line of a heading is indented behind its number",
    ),
    pytest.param(
        [("2.1 E3SM", 10, 74, 24), *below(TEXT)],
        [(3, "2.1 E3SM"), ("paragraph", ONE)],
        id="a heading close to its text",
    ),
    pytest.param(
        [("2Institute of Technology", 60, 40, 30), *below(TEXT)],
        [("paragraph", "2Institute of Technology"), ("paragraph", ONE)],
        id="an address with a raised mark is no heading",
    ),
    pytest.param(
        [("1 Institute of Letters", 60, 0, 30), ("2 Institute of Sciences", 60, 39, 30), *below(TEXT, top=150)],
        [("paragraph", "1 Institute of Letters 2 Institute of Sciences"), ("paragraph", ONE)],
        id="nor are several",
    ),
    pytest.param(
        [("1 Introduction", 10, 40, 30), *below(TEXT), ("2 Use", 10, 220, 30), *below(TEXT, top=300)],
        [(2, "1 Introduction"), ("paragraph", ONE), (2, "2 Use"), ("paragraph", ONE)],
        id="headings by a number without a point",
    ),
    pytest.param(
        [
            ("A.2 Terms and conditions for copying, distribution and", 10, 20, 24),
            ("modification", 58, 51, 24),
            *below(TEXT * 2, top=140),
        ],
        [
            (3, "A.2 Terms and conditions for copying, distribution and modification"),
            ("paragraph", ONE),
            ("paragraph", ONE),
        ],
        id="a heading of an appendix",
    ),
    pytest.param(
        [("https://example.org/a", 10, 20, 30), *below(TEXT, top=140)],
        [("paragraph", "https://example.org/a"), ("paragraph", ONE)],
        id="an address is no heading",
    ),
    pytest.param(
        below(["Q. And where did you go when the lights", "A. went out on the other side of the way", "to the shore?"]),
        [
            ("paragraph", "Q. And where did you go when the lights"),
            ("paragraph", "A. went out on the other side of the way to the shore?"),
        ],
        id="a question and its answer, though the line is full",
    ),
    pytest.param(
        below([f"{n} The long name of a section of a book{' .' * 8} {n}7" for n in ("2.1", "2.2", "2.3")]),
        [("lines", [f"{n} The long name of a section of a book{' .' * 8} {n}7" for n in ("2.1", "2.2", "2.3")])],
        id="a list of contents",
    ),
    pytest.param(
        [("8 May 1996", 10, 40, 30), *below(TEXT), ("2.1 Use.......... 4", 10, 220, 30), *below(TEXT, top=300)],
        [("paragraph", "8 May 1996"), ("paragraph", ONE), ("paragraph", "2.1 Use.......... 4"), ("paragraph", ONE)],
        id="a date is none, nor is an entry of a list of contents",
    ),
    pytest.param(
        [("Ax VkEK dBx", 60, 40, 30), *below(TEXT)],
        [("paragraph", "Ax VkEK dBx"), ("paragraph", ONE)],
        id="nor is a formula",
    ),
    pytest.param(
        [("Proceedings", 10, 10), ("page 7", 400, 10), *below(TEXT)],
        [("paragraph", "Proceedings page 7"), ("paragraph", ONE)],
        id="one row of two parts is no table",
    ),
]


@pytest.mark.parametrize("view", [{}, {"degrees": 5}, {"degrees": -4, "scale": 3.3}], ids=["", "skewed", "large"])
@pytest.mark.parametrize(("page", "blocks"), PAGES)
def test_blocks_at_any_scale_and_skew(page, blocks, view):
    assert told(page, **view) == blocks


def test_lines_few_of_which_have_something_beside_them_are_no_table():
    page = [*below(["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Last"]), ("x", 300, 100), ("y", 300, 256)]
    page.sort(key=lambda line: (line[2], line[1]))
    assert not any(block.cells for block in blocks_of(page))


lines = st.tuples(
    st.sampled_from(["", " ", "•", "1. One", "[2] two", "a-", "Some words of text", "12.50", "x"]),
    st.integers(0, 800),
    st.integers(0, 800),
    st.integers(5, 40),
)


@given(st.lists(lines, max_size=25))
def test_every_line_is_in_one_block_and_in_one_of_its_parts(page):
    blocks = blocks_of(page)
    assert sorted(chain.from_iterable(block.lines for block in blocks)) == list(range(len(page)))
    for block in blocks:
        assert (block.level > 0) == (block.kind == "heading")
        assert bool(block.items) == (block.kind in ("list", "lines"))
        assert bool(block.cells) == (block.kind == "table")
        parts = block.items or tuple(chain.from_iterable(block.cells)) or (block.lines,)
        assert sorted(chain.from_iterable(parts)) == sorted(block.lines)
        assert len({len(row) for row in block.cells}) <= 1


@pytest.mark.parametrize(("rows", "kinds"), [(MOST_ROWS, {"table"}), (MOST_ROWS + 1, {"paragraph"})])
def test_tables_are_not_looked_for_among_more_rows_than_pages_have(rows, kinds):
    page = [(text, left, 22 * row) for row in range(rows) for text, left in (("Name", 0), ("9.99", 300))]
    assert {block.kind for block in blocks_of(page)} == kinds
