"""A column of short cells that was found as one line is read cell by cell, a word that runs down is not."""

from __future__ import annotations

from contextlib import closing

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.bundle.store import open_store
from ocr_core.pipeline import ReadOptions
from ocr_core.pipeline.cells import MOST, candidates, cells_of, column
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.lines import ReadQuad
from ocr_core.recognition.ctc import Character
from ocr_core.recognition.recognizer import Reading

COLUMN = np.array([[40, 20], [70, 20], [70, 140], [40, 140]], np.float32)


@pytest.fixture(scope="module")
def shipped():
    with closing(Engine.load(open_store("models").open("ppocrv2-en"), threads=1, precision="f32")) as engine:
        yield engine


def line(text, confidence, quad=COLUMN):
    return ReadQuad(quad, Reading(tuple(Character(c, confidence, i, i) for i, c in enumerate(text)), len(text)))


def page(*texts, step=40):
    pixels = np.full((200, 120, 3), 250, np.uint8)
    for row, text in enumerate(texts):
        cv2.putText(pixels, text, (44, 50 + step * row), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 2, cv2.LINE_AA)
    return pixels


@pytest.mark.parametrize("start", range(4), ids=["upright", "read upwards", "upside down", "read downwards"])
def test_each_cell_gets_its_own_quad_however_the_line_was_read(start):
    cells = cells_of(page("2", "7", "4"), np.roll(COLUMN, start, axis=0))
    assert len(cells) == 3
    for row, cell in enumerate(cells):
        (left, top), (right, bottom) = cell.min(axis=0), cell.max(axis=0)
        assert (left, right) == pytest.approx((40, 70))
        assert top < 29 + 40 * row
        assert bottom > 49 + 40 * row
        assert bottom - top < 36


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(page(), id="nothing there"),
        pytest.param(page("2"), id="one cell"),
        pytest.param(np.zeros((200, 120, 3), np.uint8), id="black"),
        pytest.param(np.random.default_rng(1).integers(0, 255, (200, 120, 3)).astype(np.uint8), id="noise"),
    ],
)
def test_what_does_not_fall_apart_has_no_cells(pixels):
    assert cells_of(pixels, COLUMN) == []


@given(st.lists(st.floats(-30, 230, allow_subnormal=False, width=32), min_size=8, max_size=8))
def test_any_quad_is_taken(corners):
    cells = cells_of(page("2", "7", "4"), np.array(corners, np.float32).reshape(4, 2))
    assert all(np.isfinite(cell).all() for cell in cells)


@pytest.mark.parametrize(
    ("whole", "cells", "taken"),
    [
        pytest.param(("NNN", 0.94), [("2", 0.99), ("2", 0.97), ("2", 0.97)], slice(None), id="surely read cells"),
        pytest.param(("NZ", 0.96), [("z", 0.98), ("N", 0.97)], slice(0), id="hardly better than the line"),
        pytest.param(("rum", 0.58), [("2", 0.59), ("1", 0.67), ("4", 0.99)], slice(None), id="on average"),
        pytest.param(("8", 0.93), [("0", 0.97)], slice(0), id="one cell is no column"),
        pytest.param(("SALE", 0.96), [("A", 0.8), ("E", 0.7)], slice(0), id="the line reads better"),
        pytest.param(("ab", 0.3), [("1", 0.7), ("2", 0.7)], slice(0), id="neither reads well"),
        pytest.param(("ab", 0.3), [("1", 1.0), ("2", 1.0), ("3", 0.2)], slice(0), id="one cell reads badly"),
        pytest.param(("ab", 0.3), [("", 0.0), ("1", 1.0), ("2", 1.0), ("", 0.0)], slice(1, 3), id="neighbours' edges"),
        pytest.param(("ab", 0.3), [("1", 1.0), ("", 0.0), ("2", 1.0)], slice(0), id="one between is empty"),
        pytest.param(("ab", 0.3), [("1", 1.0), ("2345", 1.0)], slice(0), id="more than a cell holds"),
    ],
)
def test_cells_are_believed_where_they_read_as_well_as_the_line(whole, cells, taken):
    read = [line(*cell) for cell in cells]
    assert column(line(*whole), read) == read[taken]


def test_only_unsure_lines_that_run_down_are_candidates():
    across = np.array([[0, 0], [90, 0], [90, 20], [0, 20]], np.float32)
    long = np.array([[0, 0], [6, 0], [6, 200], [0, 200]], np.float32)
    lines = [line("NNNN", 0.9), line("NNNN", 0.99), line("NN", 0.9, across), line("NN", 0.9, long), line("", 0.0)]
    assert candidates(lines) == [0]
    assert candidates([line("200", 0.98)]) == []
    assert len(candidates([line("NN", 0.9)] * 100)) == MOST


@pytest.mark.parametrize("turns", range(4))
def test_quantities_of_a_list_are_read_one_by_one(shipped, turns):
    pixels = np.full((330, 640, 3), 255, np.uint8)
    rows = [("CHICKEN RICE", 2), ("ICED TEA", 7), ("NASI LEMAK", 4), ("LEMONADE", 1), ("ROTI CANAI", 3), ("SATAY", 8)]
    for row, (item, count) in enumerate(rows):
        for text, x in ((item, 20), (str(count), 380), (f"{5 * count}.00", 500)):
            at, font = (x, 60 + 26 * row), cv2.FONT_HERSHEY_DUPLEX
            cv2.putText(pixels, text, at, font, 0.8, (0, 0, 0), 2, cv2.LINE_AA)
    read = shipped.read(np.ascontiguousarray(np.rot90(pixels, turns)), ReadOptions())
    assert [line.text for line in read.lines if len(line.text) == 1] == [str(count) for _, count in rows]


def test_dashes_in_a_column_are_cells_and_slivers_of_neighbours_are_none():
    assert len(cells_of(page("2", "-", "4"), COLUMN)) == 3
    pixels = page("2", "7", "4")
    pixels[20:23, 44:66] = 20
    assert len(cells_of(pixels, COLUMN)) == 3
