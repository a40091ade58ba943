"""Short pieces of text lie as the lines of their page do, whatever the shape of their cores."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.detection.postprocess import find_quads

SIZE = (400, 400)


def page_map(angle, *, lines=4, stem=(12, 34), tilt=25.0):
    """A map of lines at an angle, and below them the core of one character, which leans."""
    cores = np.zeros(SIZE[::-1], np.float32)
    for row in range(lines):
        cv2.fillPoly(cores, [_box((200, 90 + 40 * row), (220, 12), angle)], (0.9,))
    cv2.fillPoly(cores, [_box((200, 330), stem, tilt)], (0.9,))
    return cores


def _box(center, size, angle):
    return np.round(cv2.boxPoints((center, size, angle))).astype(np.int32)


def angle_of(quad):
    across = quad[1] - quad[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def lowest(cores, spec):
    return max((found.quad for found in find_quads(cores, spec, SIZE)), key=lambda quad: quad[:, 1].mean())


@pytest.mark.parametrize("angle", [0.0, 6.0, -9.0])
@pytest.mark.parametrize("tilt", [25.0, -30.0, 43.0])
def test_a_leaning_character_stands_as_its_page_does(detector_spec, angle, tilt):
    cores = page_map(angle, stem=(10, 16), tilt=tilt)
    quad = lowest(cores, detector_spec())
    assert angle_of(quad) == pytest.approx(angle, abs=1.0)
    corners = cv2.boxPoints(((200.5, 330.5), (10, 16), tilt))
    assert all(cv2.pointPolygonTest(quad, (float(x), float(y)), False) > 0 for x, y in corners)


@pytest.mark.parametrize(
    ("cores", "tilt"),
    [
        pytest.param(page_map(0.0, lines=2, stem=(10, 16)), 25.0, id="few lines: signs, each with a direction"),
        pytest.param(page_map(0.0, stem=(10, 40)), 25.0, id="a line of its own"),
        pytest.param(page_map(0.0, stem=(30, 48)), 25.0, id="much higher than lines"),
    ],
)
def test_what_may_lie_otherwise_keeps_its_direction(detector_spec, cores, tilt):
    assert angle_of(lowest(cores, detector_spec())) == pytest.approx(tilt, abs=2.0)


def test_lines_that_disagree_tell_no_direction(detector_spec):
    cores = page_map(0.0, lines=1, stem=(10, 16))
    for row, angle in enumerate((15.0, -20.0, 35.0)):
        cv2.fillPoly(cores, [_box((110 + 90 * row, 210), (80, 12), angle)], (0.9,))
    assert angle_of(lowest(cores, detector_spec())) == pytest.approx(25.0, abs=2.0)


def test_lines_that_run_down_have_the_direction_of_their_width(detector_spec):
    cores = np.rot90(page_map(4.0, stem=(10, 16)), 1).copy()
    quads = [found.quad for found in find_quads(cores, detector_spec(), SIZE)]
    (alone,) = [quad for quad in quads if np.ptp(quad, axis=0).max() < 100]
    assert angle_of(alone) == pytest.approx(4.0, abs=1.0)


def test_cores_without_any_extent_are_no_error(detector_spec):
    cores = page_map(0.0)
    cores[380, 380] = 0.9
    assert len(find_quads(cores, detector_spec(), SIZE)) == 5
