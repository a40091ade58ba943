"""Which words are levelled by which thresholds."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from benchmarks.levelling import Answer, words
from ocr_core.scoring import read_set
from ocr_core.scoring.datasets import validates


@pytest.mark.parametrize(
    ("sure", "better", "right"),
    [
        pytest.param(0.0, 0.0, False, id="never levelled"),
        pytest.param(0.7, 0.05, True, id="doubtful, and the other is better"),
        pytest.param(0.5, 0.05, False, id="sure enough"),
        pytest.param(0.7, 0.4, False, id="not so much better"),
    ],
)
def test_thresholds_decide_which_reading_is_kept(sure, better, right):
    assert Answer("hotel", ("h0te!", 0.6), ("HOTEL", 0.9)).right(sure, better) is right


def test_a_short_reading_needs_to_be_surer():
    assert Answer("hotel", ("hotel", 0.6), ("h", 0.9)).right(0.95, 0.05)


def test_words_are_upright_boxes_of_rows_that_validate(tmp_path):
    slanted = [[10, 20], [50, 10], [52, 22], [12, 32]]
    rows = []
    for number in range(20):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((60, 80, 3), 255, np.uint8))
        lines = [{"points": slanted, "text": "A-1"}, {"points": slanted, "text": "?"}]
        rows.append({"image": f"{number}.png", "lines": lines})
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = list(words(read_set(tmp_path)))
    assert len(found) == sum(validates(row["image"]) for row in rows) > 0
    assert {(word.shape[:2], label) for word, label in found} == {((22, 42), "a1")}
