"""Tables as detectors leave them: cells of a row found as one line, heads over columns, cells of several lines.

Pages are written as lines: left, top and text. A letter, and the space between words, is 10 wide and 20 high.
"""

from __future__ import annotations

from itertools import chain

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.layout.blocks import find_blocks


def box(left, top, letters):
    right, bottom = left + 10 * letters, top + 20
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def line(left, top, *texts):
    """Return a line: text, corners, and its words with theirs. A number is the space between two texts."""
    found, x, space = [], left, 0
    for text in texts:
        if isinstance(text, int):
            space = text
            continue
        for word in text.split():
            x += 10 * space
            found.append((word, box(x, top, len(word))))
            x, space = x + 10 * len(word), 1
    return " ".join(text for text, _ in found), box(left, top, (x - left) / 10), found


def row(top, *cells):
    """Return a line for each cell: left edge and words."""
    return [line(left, top, words) for left, words in cells]


def told(page, *, degrees=0.0):
    """Return the blocks as (kind, text) or, of tables, rows of cells."""
    matrix = cv2.getRotationMatrix2D((300, 300), -degrees, 1.0)

    def turned(quad):
        return cv2.transform(quad[None], matrix)[0].astype(np.float32)

    words = [[(text, turned(quad)) for text, quad in words] for _, _, words in page]
    layout = find_blocks([turned(quad) for _, quad, _ in page], [text for text, _, _ in page], words)
    texts = [
        " ".join(text for text, _ in words[part.line][part.start : part.stop]) if words[part.line] else ""
        for part in layout.parts
    ]

    def text(parts):
        return " ".join(texts[i] for i in parts)

    return [
        [[text(cell) for cell in row] for row in block.cells] if block.cells else (block.kind, text(block.lines))
        for block in layout.blocks
    ]


def rows(*pages):
    return list(chain.from_iterable(pages))


FIGURES = rows(
    row(100, (10, "North"), (150, "66.28"), (240, "210.00"), (340, "1.00")),
    [line(10, 130, "South", 9, "7.10", 5, "99.50", 5, "2.00")],
    row(160, (10, "East"), (150, "12.00"), (240, "310.00"), (340, "4.50")),
)
FIGURE_CELLS = [
    ["North", "66.28", "210.00", "1.00"],
    ["South", "7.10", "99.50", "2.00"],
    ["East", "12.00", "310.00", "4.50"],
]
TIGHT = [line(10, 100 + 30 * i, name, "66.28", "210.00", "1.00") for i, name in enumerate(("ADIR", "BELA", "CORA"))]
PROSE = ["the wind blew from the", "north and no one in the", "harbour had slept for", "three nights on end so"]


@pytest.mark.parametrize("degrees", [0, 4, -3])
def test_a_row_found_as_one_line_is_cut_where_the_others_have_their_columns(degrees):
    assert told(FIGURES, degrees=degrees) == [FIGURE_CELLS]


def test_rows_of_figures_that_are_one_line_each_are_cut():
    assert told(TIGHT) == [[[name, "66.28", "210.00", "1.00"] for name in ("ADIR", "BELA", "CORA")]]


def test_words_far_apart_are_cells_though_they_are_one_line():
    page = [line(10, 100 + 30 * i, "Total", 10, f"{i}.50") for i in range(3)]
    assert told(page) == [[["Total", f"{i}.50"] for i in range(3)]]


def test_a_head_that_is_one_line_is_cut_and_a_caption_above_is_not():
    caption = [line(10, 40, "Table 1. Yields of all the fields in tons")]
    head = [line(10, 70, "Field", 9, "Size", 6, "Tons", 6, "Rate")]
    assert told(caption + head + FIGURES) == [
        ("paragraph", "Table 1. Yields of all the fields in tons"),
        [["Field", "Size", "Tons", "Rate"], *FIGURE_CELLS],
    ]


def test_text_above_and_below_a_table_stays_whole_though_strips_run_through_its_spaces():
    above = [line(10, 60, "all along the way of new land was sold at the price of the year")]
    below = [line(10, 190, "and since the sum of all five was not paid until the year that came")]
    found = told([*above, *FIGURES, *below])
    assert found[1:-1] == [FIGURE_CELLS]
    assert [kind for kind, _ in (found[0], found[-1])] == ["paragraph", "paragraph"]


def test_numbers_in_running_text_make_no_table():
    page = [
        line(10, 100, "in the year 1984 there were 12 of them"),
        line(10, 126, "and by the end 2010 there were 31 who"),
        line(10, 152, "had come; of all 1999 was the best one"),
    ]
    assert [kind for kind, _ in told(page)] == ["paragraph"]


def test_a_currency_stays_with_its_amount():
    page = rows(*(row(100 + 30 * i, (10, "Item"), (200, f"RM {i}49.00")) for i in range(4)))
    assert told(page) == [[["Item", f"RM {i}49.00"] for i in range(4)]]


def test_a_head_over_two_columns_leaves_them_two():
    page = rows(
        row(70, (150, "Year of 2023"), (350, "Year of 2024")),
        row(100, (10, "Field"), (130, "Size"), (230, "Tons"), (330, "Size"), (430, "Tons")),
        *(row(130 + 30 * i, (10, name), *((130 + 100 * j, "12.0") for j in range(4))) for i, name in enumerate("NSE")),
    )
    assert told(page) == [
        [
            ["", "Year of 2023", "", "Year of 2024", ""],
            ["Field", "Size", "Tons", "Size", "Tons"],
            *([name, *["12.0"] * 4] for name in "NSE"),
        ]
    ]


def test_a_cell_over_all_columns_does_not_end_the_table():
    page = rows(
        row(100, (10, "North"), (200, "1.5"), (300, "2.5")),
        row(130, (10, "South"), (200, "1.7"), (300, "2.7")),
        row(160, (10, "of the fields in the east only these")),
        row(190, (10, "Hill"), (200, "1.9"), (300, "2.9")),
        row(220, (10, "Vale"), (200, "1.1"), (300, "2.1")),
    )
    (table,) = told(page)
    assert len(table) == 5
    assert table[2] == ["of the fields in the east only these", "", ""]


def test_cells_at_the_middle_of_others_of_two_lines_are_in_their_row():
    page = rows(
        row(100, (10, "Name"), (150, "What it does"), (400, "12")),
        row(140, (150, "a cell whose text")),
        row(152, (10, "north"), (400, "13")),
        row(164, (150, "takes two lines")),
        row(214, (150, "another that has")),
        row(226, (10, "south"), (400, "14")),
        row(238, (150, "two as well")),
    )
    assert told(page) == [
        [
            ["Name", "What it does", "12"],
            ["north", "a cell whose text takes two lines", "13"],
            ["south", "another that has two as well", "14"],
        ]
    ]


def test_boxes_that_reach_into_their_neighbours_do_not_end_the_table():
    page = rows(*(row(100 + 30 * i, (10, "Name"), (150, "66.28"), (230, "210.00"), (320, "1.00")) for i in range(4)))
    page[6] = ("210.00", box(195, 130, 9), [("210.00", box(195, 130, 9))])
    assert told(page) == [[["Name", "66.28", "210.00", "1.00"]] * 4]


def test_narrow_columns_of_prose_are_read_one_after_the_other():
    right = [f"A{PROSE[-1]}", *reversed(PROSE[:-1])]
    page = rows(*(row(100 + 26 * i, (10, PROSE[i]), (280, right[i])) for i in range(4)))
    assert told(page) == [("paragraph", " ".join(PROSE)), ("paragraph", " ".join(right))]


def test_labels_and_names_beside_each_other_are_a_table_still():
    names = ["Anna Berg", "Karl Holm", "Lena Fischer", "Omar Haddad"]
    page = rows(*(row(100 + 30 * i, (10, name), (200, "Oslo Norway")) for i, name in enumerate(names)))
    assert told(page) == [[[name, "Oslo Norway"] for name in names]]


@pytest.mark.parametrize(
    "cells",
    [
        [
            ["Name", "Role", "What they do for us"],
            ["Smith", "chair", "calls the meetings"],
            ["Jones", "clerk", "writes"],
        ],
        [["-v", "print more of what is done"], ["-q", "print nothing at all"], ["-x", "leave out what is not known"]],
        [["Diagnosis:", "swelling of the joint with some fluid"], ["Treatment:", "rest, ice and two tablets a day"]],
        [["Pros", "Cons"], ["fast and easy to use", "costs more than most"], ["small and light", "has no battery yet"]],
    ],
)
def test_a_few_rows_of_words_that_are_set_in_columns_are_a_table(cells):
    page = rows(*(row(100 + 30 * i, *zip((10, 260, 510), texts, strict=False)) for i, texts in enumerate(cells)))
    assert told(page) == [cells]


def test_a_few_lines_of_text_that_were_found_in_pieces_are_none():
    page = rows(row(100, (10, "night"), (74, PROSE[0])), row(126, (10, "north"), (74, PROSE[1])))
    assert told(page) == [("paragraph", f"night {PROSE[0]} north {PROSE[1]}")]


def test_a_few_lines_of_text_side_by_side_are_none():
    page = rows(
        row(100, (10, "warranty for"), (200, "do not pertain")),
        row(126, (10, "particular use"), (200, "to any part of")),
    )
    assert all(kind == "paragraph" for kind, _ in told(page))


words = st.lists(st.sampled_from(["a", "Some", "words", "12.50", "3", "RM", "•"]), max_size=5)


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 300), words), max_size=20))
def test_every_word_is_in_one_part_and_every_part_in_one_block(lines):
    page = [line(left, top, " ".join(words)) for left, top, words in lines]
    layout = find_blocks([quad for _, quad, _ in page], [text for text, _, _ in page], [words for _, _, words in page])
    parts = sorted(chain.from_iterable(block.lines for block in layout.blocks))
    assert parts == list(range(len(layout.parts)))
    taken = sorted((part.line, i) for part in layout.parts for i in range(part.start, part.stop))
    assert taken == [(i, j) for i, (_, _, words) in enumerate(page) for j in range(max(1, len(words)))]
