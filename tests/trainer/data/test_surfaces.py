"""Surfaces of photographs: never with labelled text on them, the same each time."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ocr_core.scoring.datasets import read_set
from trainer.data.surfaces import SIDE, text_free
from trainer.render.backgrounds import photo_like
from trainer.render.draws import sample_rng


@pytest.fixture
def photographs(tmp_path):
    """Grey photographs; what is labelled is white, and the last is too small to be cut."""
    rows = []
    for number, (height, width) in enumerate([(700, 900), (700, 900), (200, 300)]):
        image = np.full((height, width, 3), 90, np.uint8)
        image[400:430, 100:800] = 255
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
        points = [[100, 400], [799, 400], [799, 429], [100, 429]]
        lines = [{"points": points, "text": "###", "ignore": bool(number)}]
        rows.append({"image": f"{number}.png", "lines": lines, "granularity": "word"})
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return read_set(tmp_path)


def test_no_text_is_on_them_read_or_not(photographs):
    parts = text_free(photographs)
    assert 2 <= len(parts) <= 6
    assert {part.shape for part in parts} == {(SIDE, SIDE, 3)}
    assert max(part.max() for part in parts) == 90


def test_grounds_are_cut_from_them_by_seed():
    red = np.zeros((SIDE, SIDE, 3), np.uint8)
    red[..., 2] = 200
    grounds = [photo_like(sample_rng(1, i), 32, 90, [red]) for i in range(60)]
    again = photo_like(sample_rng(1, 0), 32, 90, [red])
    assert np.array_equal(grounds[0], again)
    # Channels may be swapped, but one alone has light in it wherever the photograph was taken.
    plain = [ground for ground in grounds if np.ptp(ground.reshape(-1, 3), axis=0).max() < 1e-3]
    assert 20 < len(plain) < 60
