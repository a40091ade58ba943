from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.geometry import Points
from ocr_core.layout.order import reading_order


def box(left, top, width, height=20) -> Points:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def table(rows, columns, *, pitch=30, jitter=0):
    """Boxes in rows; `columns` are (left, width); each box stands up to `jitter` higher or lower."""
    offsets = [-jitter, jitter, 0]
    return [
        box(left, 40 + pitch * r + offsets[(r + c) % 3], width)
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


places = st.tuples(st.floats(0, 900), st.floats(0, 900), st.floats(5, 400), st.floats(5, 40))


@given(st.lists(places, max_size=30))
def test_every_box_is_read_once(drawn):
    quads = [box(*place) for place in drawn]
    assert sorted(reading_order(quads)) == list(range(len(quads)))
