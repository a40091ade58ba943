from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.geometry import Points
from ocr_core.layout.order import MOST_LINES, reading_order


def box(left, top, width, height=20) -> Points:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def table(rows, columns, *, top=40, pitch=30, jitter=0):
    """Boxes in rows; `columns` are (left, width); each box stands up to `jitter` higher or lower."""
    offsets = [-jitter, jitter, 0]
    return [
        box(left, top + pitch * r + offsets[(r + c) % 3], width)
        for r in range(rows)
        for c, (left, width) in enumerate(columns)
    ]


def column(left, rows, *, top=100, width=300, pitch=30):
    return [box(left, top + pitch * r, width - 20 * (r % 3)) for r in range(rows)]


LAYOUTS = [
    pytest.param([], id="nothing"),
    pytest.param([box(10, 10, 100)], id="one line"),
    pytest.param([box(10, 30 * i, 100) for i in range(8)], id="lines"),
    pytest.param(table(4, [(10, 60), (100, 40), (160, 90)]), id="words in rows"),
    pytest.param(table(5, [(10, 60), (100, 40), (160, 90)], jitter=7), id="words that stand uneven"),
    pytest.param(table(8, [(10, 200), (400, 60)]), id="receipt: labels and prices"),
    pytest.param(table(8, [(10, 260), (400, 60)]), id="receipt: labels as wide as text, narrow prices"),
    pytest.param(table(6, [(10, 80), (150, 80), (290, 80), (430, 80)]), id="table of narrow cells"),
    pytest.param(column(10, 6) + column(360, 6), id="two columns of text"),
    pytest.param(column(10, 9) + column(360, 4), id="two columns, the second shorter"),
    pytest.param(column(10, 5) + column(360, 5, top=112), id="two columns whose lines do not align"),
    pytest.param(column(10, 5) + column(340, 5) + column(670, 5), id="three columns"),
    pytest.param([box(10, 40, 640), *column(10, 6), *column(360, 6)], id="a heading above two columns"),
    pytest.param(
        [box(10, 40, 640), *column(10, 6), *column(360, 6), box(10, 320, 640)], id="two columns between full lines"
    ),
    pytest.param(
        [*column(10, 4), *column(360, 4), box(10, 250, 640), *column(10, 4, top=300), *column(360, 4, top=300)],
        id="columns, a full line, columns",
    ),
    pytest.param(
        [
            *column(10, 6),
            *table(4, [(10, 60), (110, 60), (210, 60)], top=290),
            *column(10, 4, top=420),
            *column(360, 15),
        ],
        id="a table in the left column",
    ),
    pytest.param(
        [
            *column(10, 15),
            *column(360, 4),
            *table(6, [(360, 90), (500, 40), (590, 40)], top=230),
            *column(360, 5, top=420),
        ],
        id="a table in the right column",
    ),
    pytest.param(
        [
            *column(10, 5),
            box(60, 250, 90),
            box(190, 258, 40),
            box(280, 250, 30),
            *column(10, 5, top=300),
            *column(360, 11),
        ],
        id="a formula and its number in a column",
    ),
    pytest.param(
        [
            *(box(left, top, 40) for top in (20, 60) for left in (30, 200, 420, 560)),
            box(100, 90, 480),
            *column(10, 8, top=140),
            *column(360, 8, top=140),
        ],
        id="labels of a figure and its caption across two columns",
    ),
    pytest.param(
        [*column(10, 6), *column(360, 6), box(60, 290, 540), *column(10, 5, top=330), *column(360, 5, top=330)],
        id="a caption across the middle of two columns",
    ),
    pytest.param(
        [box(10, 40, 960), *column(10, 8), *column(340, 8), *column(670, 8)], id="three columns below a heading"
    ),
    pytest.param(
        [box(10, 40, 630), *column(10, 8), *column(340, 8), *column(670, 10, top=40)],
        id="a heading across two of three columns",
    ),
    pytest.param(
        [box(10, 20, 120), box(560, 20, 80), *column(10, 8), *column(360, 8), box(320, 380, 20)],
        id="a running header and a page number",
    ),
    pytest.param(
        [*column(10, 8), *column(360, 8), box(10, 390, 120), box(630, 390, 20)], id="a running footer in two parts"
    ),
    pytest.param(
        [*column(10, 8), box(10, 360, 280, 14), box(10, 376, 250, 14), *column(360, 9)], id="a footnote below a column"
    ),
    pytest.param(
        [*column(10, 6, width=500), *(box(560, 112 + 30 * i, 170 - 7 * (i % 2)) for i in range(5))],
        id="notes in the margin",
    ),
    pytest.param(
        table(9, [(10, 260), (330, 70), (450, 130), (640, 300)], jitter=3), id="a table with wide cells at either end"
    ),
    pytest.param(
        [quad for r in range(5) for quad in (box(10, 40 + 30 * r, 15), box(40, 40 + 30 * r, 400 - 20 * (r % 2)))],
        id="a list with bullets of their own",
    ),
    pytest.param([box(10, 10, 300, 60), box(320, 40, 80, 20), box(10, 90, 80, 20)], id="a small word beside a large"),
]


def turned(quads, degrees):
    matrix = cv2.getRotationMatrix2D((350, 200), -degrees, 1.0)
    return [cv2.transform(quad[None], matrix)[0].astype(np.float32) for quad in quads]


@pytest.mark.parametrize("scale", [1, 7.3])
@pytest.mark.parametrize("skew", [0, -6, 8])
@pytest.mark.parametrize("quads", LAYOUTS)
def test_layouts_at_any_scale_and_skew(quads, skew, scale, rng):
    """Each layout is listed in the order in which it is to be read."""
    page = [quad * np.float32(scale) for quad in turned(quads, skew)]
    shuffled = rng.permutation(len(page))
    order = reading_order([page[i] for i in shuffled])
    assert [int(shuffled[i]) for i in order] == list(range(len(page)))


def test_a_page_lies_as_its_long_lines_do():
    """Boxes of single words are found aslant, and are many in tables."""
    cells = table(6, [(10, 80), (250, 80), (490, 80)], top=90, pitch=24)
    aslant = [
        cv2.transform(quad[None], cv2.getRotationMatrix2D(quad.mean(axis=0).tolist(), -5, 1.0))[0] for quad in cells
    ]
    page = [box(10, 30, 900), *aslant, box(10, 260, 900)]
    assert reading_order(page) == list(range(len(page)))


places = st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(5, 400), st.floats(5, 40))


@given(st.lists(places, max_size=30))
def test_every_box_is_read_once(drawn):
    quads = [box(*place) for place in drawn]
    assert sorted(reading_order(quads)) == list(range(len(quads)))


def test_a_page_of_very_many_lines_is_read_row_by_row():
    """Comparing each line with each other takes their square in time."""
    rows = MOST_LINES // 2 + 1
    page = [box(left, 30 * r, 300) for r in range(rows) for left in (10, 360)]
    assert reading_order(page) == list(range(len(page)))
    assert reading_order(page[: MOST_LINES // 2]) == [*range(0, MOST_LINES // 2, 2), *range(1, MOST_LINES // 2, 2)]
