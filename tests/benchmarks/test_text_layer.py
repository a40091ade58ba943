"""What the benchmark counts, and what it counts on a drawn page."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.text_layer import Placed, count_found, distance, measure, plain
from ocr_core.formats.base import Original
from ocr_core.pipeline.result import Line, Page


def test_a_word_is_found_once_and_near_its_place():
    wanted = [Placed("a", (0, 0, 10, 10)), Placed("a", (0, 0, 10, 10)), Placed("b", (0, 0, 10, 10))]
    seen = [Placed("a", (1, 0, 10, 13)), Placed("b", (0, 4, 10, 10)), Placed("A", (0, 0, 10, 10))]
    assert count_found(wanted, seen, points=3) == 1
    assert count_found(wanted, seen, points=4) == 2
    assert distance(wanted[0], seen[0]) == 3
    assert plain("\u202bo\ufb03ce\u202c") == "office"


@pytest.mark.skipif(not (shutil.which("pdftotext") and shutil.which("pdftoppm")), reason="needs poppler's programs")
def test_words_of_a_drawn_page_are_where_they_were_seen(tmp_path: Path, rng: np.random.Generator):
    pixels = np.full((1400, 1000, 3), 255, np.uint8)
    lines = []
    for row in range(30):
        text = " ".join("".join(rng.choice([*"aein.,19"], rng.integers(1, 9))) for _ in range(6))
        slope = rng.uniform(-0.02, 0.02)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 2)
        left, top = 40 + 10 * (row % 3), 30 + 44 * row
        cv2.putText(pixels, text, (left, top + height), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
        corners = [[0, 0], [width, slope * width], [width, slope * width + height + 8], [0, height + 8]]
        lines.append(Line(text=text, confidence=0.9, quad=np.array(corners, np.float32) + np.float32([left, top - 4])))
    page = Page(width=1000, height=1400, rotation=0, lines=tuple(lines))
    original = Original(name="drawn.png", data=cv2.imencode(".png", pixels)[1].tobytes())
    options = argparse.Namespace(points=3.0, hocr_check=None, alto_schema=None)
    figures = measure(page, original, tmp_path, options)
    assert figures["words"] == 180
    assert figures["found"] >= 0.98 * 180
    assert figures["spaced"] >= 0.98 * 180
    assert figures["changed"] == 0
