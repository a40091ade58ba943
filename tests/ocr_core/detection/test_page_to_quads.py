"""From a page to quads and back to the pixels of the page."""

from __future__ import annotations

import numpy as np
import pytest
import stripes
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ocr_core.backends.fake import FakeNetwork
from ocr_core.detection.detector import Detector
from ocr_core.detection.postprocess import find_quads, lengthened
from ocr_core.detection.resize import search_size, to_tensor


@pytest.mark.parametrize(
    ("size", "searched"),
    [
        pytest.param((640, 512), (640, 512), id="as it is"),
        pytest.param((645, 490), (640, 512), id="rounded, each side by itself"),
        pytest.param((1920, 1280), (960, 640), id="shrunk to the longest side"),
        pytest.param((300, 100), (288, 96), id="small sides: every multiple"),
        pytest.param((1, 1), (32, 32), id="a pixel"),
        pytest.param((1, 20000), (32, 960), id="a column of pixels"),
        pytest.param((20000, 1), (960, 32), id="a row of pixels"),
    ],
)
def test_search_size(detector_spec, size, searched):
    assert search_size(*size, detector_spec()) == searched


def test_small_pages_are_enlarged_as_the_bundle_says(detector_spec):
    spec = detector_spec(resize={"min_side": 736, "max_side": 2000})
    assert search_size(410, 368, spec) == (832, 768)  # 820 and 736 in steps of 64
    assert search_size(100, 5000, spec) == (32, 1984)  # where both sides disagree, the longest wins


def test_large_pages_are_bounded_by_their_pixels_too(detector_spec):
    spec = detector_spec(resize={"max_side": 1600, "max_pixels": 1024 * 1024})
    assert search_size(4000, 4000, spec) == (1024, 1024)
    assert search_size(1000, 4000, spec) == (384, 1600)  # a long receipt keeps its length


@given(st.integers(1, 6000), st.integers(1, 6000))
def test_searched_shapes_are_few_and_bounded(detector_spec, width, height):
    across, down = search_size(width, height, detector_spec())
    allowed = {*range(32, 321, 32), *range(384, 961, 64)}
    assert {across, down} <= allowed


def test_pages_become_normalised_tensors(detector_spec):
    spec = detector_spec(normalization={"color": "bgr", "mean": (0.5, 0.4, 0.3), "std": (0.1, 0.2, 0.3)})
    tensor = to_tensor(np.full((50, 70, 3), (255, 0, 102), np.uint8), (64, 32), spec)
    assert tensor.shape == (1, 3, 32, 64)
    assert tensor[0, :, 9, 9] == pytest.approx([5.0, -2.0, 1 / 3], abs=1e-5)
    assert np.ptp(tensor, axis=(2, 3)).max() == 0


@settings(max_examples=25)
@given(st.integers(60, 1600), st.integers(60, 1600), st.data())
def test_boxes_map_back_onto_the_page(detector_spec, width, height, data):
    """Within a pixel of the page or, where that was shrunk, of the map; the drawn cores round to pixels themselves."""
    detector = Detector(FakeNetwork(stripes.detect), detector_spec())
    scale = max(1.0, max(width, height) / 960)
    side = 4 * int(data.draw(st.integers(6, 10)) * scale)
    right, bottom = width - stripes.block_width("0", side) - 4, height - side - 4
    assume(min(right, bottom) >= 4)
    page = stripes.blank_page(width, height)
    quad = stripes.draw(page, "0", data.draw(st.integers(4, right)), data.draw(st.integers(4, bottom)), side)
    (found,) = detector.finish(detector.network(detector.prepare(page)), (width, height))
    assert found.quad.mean(axis=0) == pytest.approx(quad.mean(axis=0), abs=scale)
    assert found.quad == pytest.approx(quad, abs=2 * scale)


def core_map(*cores):
    """A map of 200×300 with a core for each (left, top, width, height)."""
    cores_at = np.zeros((200, 300), np.float32)
    for left, top, width, height in cores:
        cores_at[top : top + height, left : left + width] = 0.9
    return cores_at


def tops(found):
    return [round(float(item.quad[:, 1].mean())) for item in found]


def test_text_is_found_from_above_to_below(detector_spec):
    found = find_quads(core_map((20, 150, 90, 10), (20, 20, 50, 10), (20, 90, 70, 10)), detector_spec(), (300, 200))
    assert tops(found) == [25, 95, 155]


@pytest.mark.parametrize("small", [150, 20, 90])
def test_of_too_many_pieces_the_smallest_is_dropped_wherever_it_lies(detector_spec, small):
    cores = [(20, top, 10 if top == small else 90, 10) for top in (20, 90, 150)]
    found = find_quads(core_map(*cores), detector_spec(max_candidates=2), (300, 200))
    assert tops(found) == [top + 5 for top in (20, 90, 150) if top != small]


def test_of_too_many_pieces_of_one_size_the_top_of_the_page_stays(detector_spec):
    cores = [(20 + 60 * column, top, 40, 8) for top in range(10, 190, 20) for column in range(4)]
    found = find_quads(core_map(*cores), detector_spec(max_candidates=10), (300, 200))
    assert tops(found) == [14] * 4 + [34] * 4 + [54] * 2


@pytest.mark.parametrize("angle", [0, 20, -35, 90])
def test_a_line_is_lengthened_along_itself(angle):
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    short = np.array([[0, 0], [80, 0], [80, 20], [0, 20]]) @ matrix
    long = np.array([[-3, 0], [83, 0], [83, 20], [-3, 20]]) @ matrix
    assert lengthened(short.astype(np.float32), 3.0) == pytest.approx(long, abs=1e-3)


def test_a_word_keeps_its_length():
    word = np.array([[10, 10], [65, 10], [65, 30], [10, 30]], np.float32)
    assert np.array_equal(lengthened(word, 3.0), word)


def test_lines_are_lengthened_by_pixels_of_the_search(detector_spec):
    page = stripes.blank_page(1920, 640)  # searched in half its size
    stripes.draw(page, "0123", 400, 200, 64)
    found = []
    for distance in (0.0, 3.0):
        detector = Detector(FakeNetwork(stripes.detect), detector_spec(lengthen=distance))
        (line,) = detector.finish(detector.network(detector.prepare(page)), (1920, 640))
        found.append(line.quad)
    assert found[1] - found[0] == pytest.approx(np.array([[-6, 0], [6, 0], [6, 0], [-6, 0]]), abs=1e-3)
