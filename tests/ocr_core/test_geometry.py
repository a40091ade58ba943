from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from ocr_core.geometry import (
    grow_rectangle,
    min_area_quad,
    order_quad,
    quad_size,
    signed_area,
    turn_points,
)

sides = st.floats(4, 400)
degrees = st.floats(-180, 180)
turns = st.sampled_from([0, 90, 180, 270])


def rectangle(width, height, angle=0.0, centre=(500, 500)):
    """Clockwise from the corner that is the top left one before the turn by `angle` degrees clockwise."""
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    radians = np.deg2rad(angle)
    turn = np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])
    return (corners @ turn + centre).astype(np.float32)


@given(sides, sides, degrees, st.integers(0, 3), st.booleans())
def test_order_does_not_depend_on_start_or_sense(width, height, angle, shift, mirrored):
    corners = rectangle(width, height, angle)
    ordered = order_quad(corners)
    shuffled = np.roll(corners[::-1] if mirrored else corners, shift, axis=0)
    assert np.array_equal(order_quad(shuffled), ordered)


@given(sides, sides, degrees)
def test_order_keeps_the_cycle_clockwise(width, height, angle):
    corners = rectangle(width, height, angle)
    ordered = order_quad(corners)
    assert signed_area(ordered) > 0
    start = int(np.flatnonzero((corners == ordered[0]).all(axis=1))[0])
    assert np.array_equal(np.roll(corners, -start, axis=0), ordered)


@given(sides, sides, st.floats(-44, 44))
def test_a_slanted_quad_starts_at_its_top_left(width, height, angle):
    corners = rectangle(width, height, angle)
    assert np.array_equal(order_quad(corners), corners)


@given(
    st.sampled_from([-135, -45, 45, 135]), st.floats(20, 400), st.lists(st.floats(-1e-3, 1e-3), min_size=8, max_size=8)
)
def test_order_is_stable_at_45_degrees(angle, side, noise):
    corners = rectangle(side, side / 1.5, angle)
    moved = order_quad(corners + np.reshape(noise, (4, 2)))
    assert moved == pytest.approx(order_quad(corners), abs=2e-3)
    assert moved[0, 1] == pytest.approx(corners[:, 1].min(), abs=2e-3)


@pytest.mark.parametrize(
    "quad",
    [
        pytest.param([[5, 5]] * 4, id="a point"),
        pytest.param([[0, 0], [9, 0], [9, 0], [0, 0]], id="a line"),
        pytest.param([[0, 0], [9, 0], [9, 9], [9, 9]], id="a triangle"),
    ],
)
def test_degenerate_quads_keep_their_corners(quad):
    ordered = order_quad(np.array(quad, np.float32))
    assert sorted(ordered.tolist()) == sorted(quad)
    assert np.isfinite(grow_rectangle(ordered, 2.0)).all()


@given(sides, sides, degrees)
def test_least_rectangle_of_a_rectangle_is_itself(width, height, angle):
    corners = rectangle(width, height, angle)
    quad, across, down = min_area_quad(corners)
    assert quad == pytest.approx(order_quad(corners), abs=0.05)
    assert (across, down) == pytest.approx(quad_size(quad))
    assert sorted((across, down)) == pytest.approx(sorted((width, height)), abs=0.05)


@given(sides, sides, degrees, st.floats(0, 100))
def test_unclip_contains_its_quad(width, height, angle, distance):
    quad = order_quad(rectangle(width, height, angle))
    grown = grow_rectangle(quad, distance)
    assert Polygon(grown).buffer(0.01).contains(Polygon(quad))
    across, down = quad_size(quad)
    assert quad_size(grown) == pytest.approx((across + 2 * distance, down + 2 * distance), abs=0.01)


@given(sides, sides, degrees)
def test_area(width, height, angle):
    quad = rectangle(width, height, angle)
    assert signed_area(quad) == pytest.approx(width * height, rel=1e-3, abs=0.1)
    assert signed_area(quad[::-1]) == pytest.approx(-signed_area(quad))


@given(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), turns, st.lists(st.tuples(sides, sides), min_size=1))
def test_turned_points_come_back(size, turn, points):
    there = turn_points(np.array(points), size, turn)
    turned_size = size if turn % 180 == 0 else size[::-1]
    assert turn_points(there, turned_size, -turn) == pytest.approx(np.array(points), abs=1e-2)


@given(st.integers(1, 9), st.integers(1, 9), turns, st.data())
def test_turned_points_follow_the_pixels(width, height, turn, data):
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    image = np.zeros((height, width), np.uint8)
    image[y, x] = 1
    turned = np.rot90(image, -turn // 90)
    moved = turn_points(np.array([x + 0.5, y + 0.5]), (width, height), turn)
    assert turned[int(moved[1]), int(moved[0])] == 1


def test_a_turned_quad_still_runs_clockwise_from_the_start_of_its_text():
    quad = rectangle(40, 10, centre=(30, 20))
    sideways = turn_points(quad, (100, 80), 90)
    assert sideways.tolist() == [[65, 10], [65, 50], [55, 50], [55, 10]]
    assert signed_area(sideways) > 0


def test_words_of_upright_pages_are_copied_and_not_computed(monkeypatch):
    quad = np.array([[0, 0], [9, 0], [9, 5], [0, 5]], np.float32)
    monkeypatch.setattr(np, "stack", None)
    same = turn_points(quad, (100, 80), 360)
    assert same.dtype == np.float32
    assert same.tolist() == quad.tolist()
    assert not np.shares_memory(same, quad)
