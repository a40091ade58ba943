"""Lines whose cores touch are told apart; words, columns of letters and lone lines stay as they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_core.detection.postprocess import find_quads
from ocr_core.detection.stacked import split_rows
from ocr_core.specs import DetectorSpec, File, Normalization

SPEC = DetectorSpec(
    weights=File(file="d.onnx", sha256="0" * 64, bytes=1),
    opset=17,
    input="x",
    output="y",
    normalization=Normalization(),
    split_threshold=0.6,
    box_threshold=0.5,
)


def bars(*boxes: tuple[int, int, int, int], angle: float = 0.0) -> np.ndarray:
    """A map, sure in the boxes (left, top, right, bottom) and unsure, but above 0.3, for two pixels around them."""
    sure = np.zeros((120, 240), np.float32)
    for left, top, right, bottom in boxes:
        sure[top:bottom, left:right] = 0.9
    unsure = cv2.dilate(sure, np.ones((5, 5), np.uint8)) * np.float32(0.5)
    both = np.maximum(sure, unsure)
    turn = cv2.getRotationMatrix2D((120, 60), angle, 1)
    return np.asarray(cv2.warpAffine(both, turn, (240, 120)), np.float32)


@pytest.mark.parametrize("angle", [0, 8, -15, 90])
@pytest.mark.parametrize("count", [2, 3])
def test_lines_that_touch_become_one_quad_each(count, angle):
    spread = 60 if angle == 90 else 0
    boxes = [(70, 40 + 12 * row, 200 - 30 * (row % 2) - spread, 48 + 12 * row) for row in range(count)]
    quads = find_quads(bars(*boxes, angle=angle), SPEC, (240, 120))
    assert len(quads) == count
    merged = find_quads(bars(*boxes, angle=angle), SPEC.model_copy(update={"split_threshold": None}), (240, 120))
    assert len(merged) == 1


def test_a_row_gets_the_pixels_back_that_are_nearest_to_it():
    probability = bars((70, 40, 200, 48), (70, 52, 200, 60))
    core = (probability > 0.3).astype(np.uint8)
    ((contour,), _) = cv2.findContours(core, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    upper, lower = split_rows(contour[:, 0], probability, 0.6)
    assert (upper[:, 1].min(), lower[:, 1].max()) == (38, 61)
    assert upper[:, 1].max() + 1 == lower[:, 1].min()
    assert (upper[:, 0].min(), upper[:, 0].max()) == (68, 201)


@pytest.mark.parametrize(
    "boxes",
    [
        pytest.param([(40, 50, 200, 60)], id="one line"),
        pytest.param([(40, 50, 110, 60), (114, 50, 200, 60)], id="two words side by side"),
        pytest.param([(100, 10 + 20 * i, 116, 26 + 20 * i) for i in range(4)], id="letters of a column"),
        pytest.param([(40, 50, 120, 60), (116, 64, 200, 74)], id="steps that hardly share a column"),
    ],
)
def test_what_is_not_stacked_stays_one(boxes):
    probability = bars(*boxes)
    whole = find_quads(probability, SPEC.model_copy(update={"split_threshold": None}), (240, 120))
    assert [found.quad.tolist() for found in find_quads(probability, SPEC, (240, 120))] == [
        found.quad.tolist() for found in whole
    ]


def test_a_bent_line_scores_by_its_core_alone():
    probability = np.zeros((120, 240), np.float32)
    arc = np.array([[x, 40 + round(0.002 * (x - 120) ** 2)] for x in range(20, 220, 4)], np.int32)
    cv2.polylines(probability, [arc], isClosed=False, color=0.8, thickness=7)
    assert not find_quads(probability, SPEC.model_copy(update={"box_threshold": 0.55}), (240, 120))
    slow = SPEC.model_copy(update={"box_threshold": 0.55, "score": "slow"})
    (found,) = find_quads(probability, slow, (240, 120))
    assert found.score == pytest.approx(0.8, abs=0.05)


def test_a_texture_that_covers_the_page_is_not_taken_apart():
    probability = np.full((400, 400), 0.5, np.float32)
    for y in range(2, 390, 8):
        for x in range(2, 390, 16):
            probability[y : y + 3, x : x + 9] = 0.9
    found = find_quads(probability, SPEC, (400, 400))
    assert len(found) == 1
