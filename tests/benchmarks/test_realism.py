"""Which lines tell whether drawn ones are as hard as real ones."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from benchmarks.realism import real_crops
from ocr_core.scoring.datasets import validates

QUAD = [[4, 4], [60, 4], [60, 20], [4, 20]]


@pytest.mark.parametrize("pages", [True, False], ids=["pages", "crops"])
def test_rows_that_validate_are_not_looked_at(tmp_path, pages):
    names = [f"{number}.png" for number in range(40)]
    rows = []
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.full((30, 80, 3), 255, np.uint8))
        text = "v" if validates(name) else "t"
        rows.append({"image": name} | ({"lines": [{"points": QUAD, "text": text}]} if pages else {"text": text}))
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    texts = [text for _, text in real_crops(tmp_path, 100, 0, tmp_path / "cut")]
    assert texts == ["t"] * sum(not validates(name) for name in names)
    assert 0 < len(texts) < 40
