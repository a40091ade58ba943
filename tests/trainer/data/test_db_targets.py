"""Targets against numbers worked out by hand (facts 2.3, 2.4 and 11)."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from trainer.data.db_targets import db_targets, edge_distance, offset_distance
from trainer.data.polygons import offset_polygon

SIZE = (80, 160)


def rectangle(left: float, top: float, width: float, height: float) -> np.ndarray:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


TEXT = rectangle(30, 30, 100, 20)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def test_offset_distance_of_100_by_20_is_7():
    assert offset_distance(TEXT) == pytest.approx(2000 * 0.84 / 240)


def test_outset_is_114_by_34():
    outset = offset_polygon(TEXT, 7.0)[0]
    assert np.ptp(outset, axis=0).tolist() == [114, 34]


def test_core_is_inset_by_7():
    core = db_targets([TEXT], [False], SIZE, 8).shrink_map
    # 86×6 between x = 37 and 123, y = 37 and 43; cv2 fills the edge pixels too.
    assert box_of(core) == (37, 37, 123, 43)
    assert core[37:44, 37:124].all()


def test_everything_counts_around_a_readable_text():
    assert db_targets([TEXT], [False], SIZE, 8).shrink_mask.all()


def test_threshold_map_peaks_on_the_border_and_fades_over_7_pixels():
    targets = db_targets([TEXT], [False], SIZE, 8)
    column = targets.threshold_map[:, 80]
    assert column[30] == pytest.approx(0.7)
    assert column[27] == pytest.approx(0.3 + 0.4 * (1 - 3 / 7), abs=1e-6)
    assert column[33] == pytest.approx(0.3 + 0.4 * (1 - 3 / 7), abs=1e-6)
    assert column[40] == pytest.approx(0.3)
    assert targets.threshold_map.min() == pytest.approx(0.3)
    assert targets.threshold_map.max() == pytest.approx(0.7)


def test_threshold_mask_is_the_outset_polygon():
    mask = db_targets([TEXT], [False], SIZE, 8).threshold_mask
    assert box_of(mask) == (23, 23, 137, 57)


def test_of_two_borders_the_nearer_counts():
    other = rectangle(30, 54, 100, 20)
    both = db_targets([TEXT, other], [False, False], SIZE, 8).threshold_map
    alone = db_targets([TEXT], [False], SIZE, 8).threshold_map
    assert (both >= alone).all()
    assert both[53, 80] == pytest.approx(0.3 + 0.4 * (1 - 1 / 7), abs=1e-6)


@pytest.mark.parametrize(
    ("polygon", "ignore", "in_border"),
    [
        pytest.param(TEXT, True, False, id="labelled as unreadable"),
        pytest.param(rectangle(30, 30, 100, 7), False, True, id="lower than 8 pixels"),
        pytest.param(rectangle(30, 30, 7, 40), False, True, id="narrower than 8 pixels"),
        pytest.param(rectangle(155, 30, 100, 20), False, True, id="less than 8 pixels of it in view"),
    ],
)
def test_text_that_does_not_count_is_masked(polygon, ignore, in_border):
    targets = db_targets([polygon], [ignore], SIZE, 8)
    assert not targets.shrink_map.any()
    x, y = np.clip(polygon.mean(axis=0), 0, (158, 78)).astype(int)
    assert targets.shrink_mask[y, x] == 0
    assert targets.threshold_mask.any() == in_border


@pytest.mark.parametrize(
    "polygon",
    [
        pytest.param(np.zeros((4, 2), np.float32), id="a point"),
        pytest.param(rectangle(20, 30, 50, 0), id="a line"),
    ],
)
def test_degenerate_polygons_draw_no_text(polygon):
    targets = db_targets([polygon], [False], SIZE, 0)
    assert not targets.shrink_map.any()
    assert not targets.threshold_mask.any()


def test_a_page_without_text_is_all_background():
    targets = db_targets([], [], SIZE, 8)
    assert not targets.shrink_map.any()
    assert targets.shrink_mask.all()
    assert (targets.threshold_map == np.float32(0.3)).all()


def test_the_sense_of_the_outline_does_not_matter():
    forward, backward = (db_targets([points], [False], SIZE, 8) for points in (TEXT, TEXT[::-1]))
    assert (forward.shrink_map == backward.shrink_map).all()
    assert (forward.threshold_mask == backward.threshold_mask).all()


def test_text_that_leaves_the_map_keeps_the_shape_of_its_core():
    slanted = np.array([[100, 20], [220, 60], [214, 78], [94, 38]], np.float32)
    inside = db_targets([slanted], [False], (80, 320), 8).shrink_map[:, :160]
    cut = db_targets([slanted], [False], SIZE, 8).shrink_map
    assert inside.sum() > 200
    # Where the outline is clipped, its rounding differs by a pixel.
    pixel = np.ones((3, 3), np.uint8)
    assert (cv2.erode(inside, pixel) <= cut).all()
    assert (cut <= cv2.dilate(inside, pixel)).all()


def test_edge_distance_beyond_the_ends_is_to_the_corner():
    distance = edge_distance(TEXT, np.array([27, 80]), np.array([26, 40]))
    assert distance[0, 0] == pytest.approx(5.0)  # 3 left of and 4 above the corner
    assert distance[0, 1] == pytest.approx(4.0)
    assert distance[1, 1] == pytest.approx(10.0)


DIGIT = np.array([[20, 20], [28, 20], [28, 36], [20, 36]], np.float32)


def test_a_small_core_weighs_as_much_as_one_of_the_least_size():
    plain, weighed = (db_targets([DIGIT, TEXT + 60], [False, False], (160, 160), 3, least) for least in (0, 90))
    assert (plain.shrink_map == weighed.shrink_map).all()
    assert set(np.unique(plain.shrink_mask)) == {1}
    core = weighed.shrink_map.astype(bool)
    core[50:] = False  # the core of the longer text, which is large enough
    assert set(weighed.shrink_mask[core]) == {2}
    assert set(weighed.shrink_mask[~core]) == {1}


def test_no_core_weighs_more_than_four_times():
    assert db_targets([DIGIT], [False], SIZE, 3, 1e6).shrink_mask.max() == 4


def test_a_small_core_that_lies_in_unreadable_text_stays_unknown():
    assert db_targets([DIGIT - 4, DIGIT], [True, False], SIZE, 3, 1e6).shrink_mask[24:30, 22].max() == 0
