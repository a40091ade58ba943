"""Pasted text arrives, with its labels, where nothing was."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.data.copy_paste import copy_paste
from trainer.data.pages import PageSample

QUAD = np.array([[10, 10], [70, 10], [70, 26], [10, 26]], np.float32)


def page(value: int, polygons: list[np.ndarray], **fields) -> PageSample:
    texts = tuple(f"t{i}" for i in range(len(polygons)))
    blank = np.full((200, 240, 3), value, np.uint8)
    return PageSample(blank, tuple(polygons), texts, fields.pop("ignore", (False,) * len(polygons)), **fields)


def test_pixels_and_labels_arrive_together(rng):
    target, donor = page(255, [QUAD + 100]), page(0, [QUAD])
    pasted = copy_paste(target, donor, 0.2, rng)
    assert pasted.texts == ("t0", "t0")
    assert pasted.ignore == (False, False)
    quad = pasted.polygons[1]
    centre = quad.mean(axis=0).astype(int)
    assert (pasted.pixels[centre[1], centre[0]] == 0).all()
    black = (pasted.pixels == 0).all(axis=2)
    assert black.sum() == pytest.approx(60 * 16, rel=0.15)
    rows, columns = np.nonzero(black)
    low, high = quad.min(axis=0) - 1, quad.max(axis=0) + 1
    assert columns.min() >= low[0]
    assert columns.max() <= high[0]
    assert rows.min() >= low[1]
    assert rows.max() <= high[1]


def test_the_page_itself_is_left_alone(rng):
    target = page(255, [])
    copy_paste(target, page(0, [QUAD]), 0.2, rng)
    assert (target.pixels == 255).all()


def test_nothing_is_pasted_over_text_readable_or_not(rng):
    whole = np.array([[0, 0], [240, 0], [240, 200], [0, 200]], np.float32)
    target = page(255, [whole], ignore=(True,))
    pasted = copy_paste(target, page(0, [QUAD]), 0.2, rng)
    assert pasted.polygons == target.polygons
    assert (pasted.pixels == 255).all()


def test_pasted_texts_do_not_overlap(rng):
    donor = page(0, [QUAD + np.float32((0, 20 * i)) for i in range(8)])
    pasted = copy_paste(page(255, []), donor, 1.0, rng)
    boxes = [(*quad.min(axis=0), *quad.max(axis=0)) for quad in pasted.polygons]
    assert len(boxes) > 1
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[0] > b[2] or a[2] < b[0] or a[1] > b[3] or a[3] < b[1]


@pytest.mark.parametrize(("lines", "share", "expected"), [(1, 0.2, 1), (10, 0.2, 2), (4, 0.5, 2)])
def test_how_many_are_pasted(rng, lines, share, expected):
    donor = page(0, [np.array([[0, 0], [12, 0], [12, 8], [0, 8]], np.float32)] * lines)
    assert len(copy_paste(page(255, []), donor, share, rng).polygons) == expected


@pytest.mark.parametrize(
    "donor",
    [
        pytest.param(page(0, [QUAD], ignore=(True,)), id="unreadable text"),
        pytest.param(page(0, [np.vstack([QUAD, QUAD[:1]])]), id="not a quad"),
        pytest.param(page(0, [QUAD * 4]), id="larger than the page"),
        pytest.param(page(0, []), id="no text"),
    ],
)
def test_what_cannot_be_pasted_is_not(rng, donor):
    assert copy_paste(page(255, []), donor, 0.2, rng).polygons == ()


def test_a_teachers_map_sees_the_pasted_text(rng):
    target = page(255, [], teacher=np.zeros((200, 240), np.uint8))
    pasted = copy_paste(target, page(0, [QUAD]), 0.2, rng)
    x, y = pasted.polygons[0].mean(axis=0).astype(int)
    assert pasted.teacher is not None
    assert pasted.teacher[y, x] == 255
    assert pasted.teacher.mean() < 128
    assert not target.teacher.any()
