"""Traces of letters that are too large for a search are told from what surrounds lines."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.detection.large import shows_large, traces


def output(*marks, value=0.2):
    """Return a map of 400×320 with rectangles (left, top, right, bottom) of a value."""
    maps = np.zeros((1, 1, 320, 400), np.float32)
    for left, top, right, bottom in marks:
        maps[0, 0, top:bottom, left:right] = value
    return maps


def quad(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def test_a_patch_of_traces_shows_large_letters():
    stems = [(100 + 24 * i, 100, 112 + 24 * i, 160) for i in range(4)]
    assert shows_large(traces(output(*stems)), [], (400, 320))
    assert shows_large(traces(output(*stems)), [], (1600, 1280)), "whatever the image's size"


@pytest.mark.parametrize(
    "marks",
    [
        [],
        [(20, 100, 380, 112)],  # a rule
        [(100, 20, 112, 300)],
        [(100, 100, 116, 160)],  # one stem
        [(40 * i, 40 * j, 40 * i + 8, 40 * j + 8) for i in range(10) for j in range(8)],  # specks
    ],
)
def test_what_is_narrow_or_scattered_shows_none(marks):
    assert not shows_large(traces(output(*marks)), [], (400, 320))


def test_what_lies_in_lines_is_no_trace():
    maps = traces(output((100, 100, 200, 160), value=0.9))
    assert shows_large(maps, [], (400, 320))
    assert not shows_large(maps, [quad(90, 90, 210, 170)], (400, 320))
    assert not shows_large(maps, [quad(180, 180, 420, 340)], (800, 640)), "in the image's pixels"
    assert shows_large(maps, [quad(90, 90, 150, 170)], (400, 320)), "half of it"


def test_a_quad_that_was_moved_to_the_edge_is_taken_out_whole():
    bent = np.array([[90, 90], [210, 170], [210, 90], [90, 170]], np.float32)
    assert not shows_large(traces(output((100, 100, 200, 160))), [bent], (400, 320))
