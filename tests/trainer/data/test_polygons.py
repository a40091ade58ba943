"""Offsets of outlines, against shapely and against what the detector's post-processing undoes them with."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

from ocr_core.geometry import grow_rectangle, min_area_quad, order_quad, signed_area
from trainer.data.polygons import offset_polygon, perimeter

sides = st.floats(4, 400)
degrees = st.floats(-180, 180)


@pytest.fixture(scope="module", autouse=True)
def _denormals():
    """Training flushes denormals for the whole process, and Hypothesis draws no floats without them."""
    torch.set_flush_denormal(False)


def rectangle(width, height, angle=0.0, centre=(500, 500)):
    """Clockwise from the corner that is the top left one before the turn by `angle` degrees clockwise."""
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    radians = np.deg2rad(angle)
    turn = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    return (corners @ turn + centre).astype(np.float32)


@given(sides, sides, degrees)
def test_perimeter(width, height, angle):
    assert perimeter(rectangle(width, height, angle)) == pytest.approx(2 * (width + height), rel=1e-3)


def test_inset_of_the_training_targets():
    line = np.array([[0, 0], [100, 0], [100, 20], [0, 20]])
    distance = signed_area(line) * (1 - 0.4**2) / perimeter(line)
    assert distance == pytest.approx(7.0)
    (core,) = offset_polygon(line, -distance)
    quad, width, height = min_area_quad(core)
    assert (width, height) == (86, 6)
    assert quad.tolist() == [[7, 7], [93, 7], [93, 13], [7, 13]]
    assert offset_polygon(line, -11) == []


@given(sides, sides, degrees, st.floats(0.5, 3))
def test_growing_a_rectangle_equals_the_least_rectangle_around_its_offset(width, height, angle, unclip_ratio):
    assume(abs(width - height) > 2)  # the least rectangle around an almost square one may stand at any angle
    quad = order_quad(np.round(rectangle(10 * width, 10 * height, angle, centre=(5000, 5000))))
    distance = signed_area(quad) * unclip_ratio / perimeter(quad)
    (offset,) = offset_polygon(quad, distance)
    expected, *_ = min_area_quad(offset)
    # The offset comes in integers, its round joins as chords: some tenths of a pixel at this scale of 10.
    assert grow_rectangle(quad, distance) == pytest.approx(expected, abs=4)


def test_offset_of_a_quad_lies_within_its_distance():
    quad = rectangle(200, 50, 17)
    (offset,) = offset_polygon(np.round(quad), 12)
    outline = Polygon(np.round(quad))
    assert all(outline.distance(Point(p)) == pytest.approx(12, abs=1.5) for p in offset)
    assert cv2.contourArea(offset) > cv2.contourArea(quad)
