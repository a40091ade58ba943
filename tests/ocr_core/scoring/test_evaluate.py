from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ocr_core.pipeline.result import Line, Page, ReadOptions
from ocr_core.scoring import EngineReader, evaluate, read_set


class Engine:
    """Reads as many letters x as the image is pixels wide, and keeps the options it was given."""

    def __init__(self):
        self.options = []

    def read(self, pixels, options):
        self.options.append(options)
        height, width = pixels.shape[:2]
        quad = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        line = Line(text="x" * width, confidence=0.9, quad=quad)
        return Page(width=width, height=height, rotation=0, lines=(line,))


def make_set(folder, *rows):
    for row in rows:
        cv2.imwrite(str(folder / row["image"]), np.zeros((10, int(row["image"][0]), 3), np.uint8))
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return read_set(folder)


def page(image, text, right):
    points = [[0, 0], [right, 0], [right, 10], [0, 10]]
    return {"image": image, "lines": [{"points": points, "text": text}], "granularity": "line"}


def test_pages_are_read_and_scored(tmp_path):
    pages = make_set(tmp_path, page("4.png", "xxxx", 4), page("8.png", "xxxx", 2))
    ticks = []
    report = evaluate(pages, EngineReader(Engine()), progress=lambda: ticks.append(1))
    assert report.dataset == tmp_path.name
    assert report.images == len(ticks) == 2
    assert report.figures == pytest.approx({"word_f1": 0.5, "char_f1": 2 * 8 / (8 + 12), "det_h": 0.5, "e2e_h": 0.5})
    assert report.seconds > 0
    assert report.failures == ()


def test_order_is_scored_where_labels_have_one(tmp_path):
    row = page("4.png", "xxxx", 4)
    pages = make_set(tmp_path, row | {"ordered": True})
    assert evaluate(pages, EngineReader(Engine())).figures["order"] == 1
    assert "order" not in evaluate(make_set(tmp_path, row), EngineReader(Engine())).figures


def test_crops_are_read_whole(tmp_path):
    engine = Engine()
    crops = make_set(tmp_path, {"image": "3.png", "text": "XxX"}, {"image": "5.png", "text": "xx"})
    report = evaluate(crops, EngineReader(engine, ReadOptions(min_confidence=0.2, language=False)))
    assert report.figures == {"acc": 0.5, "acc_full": 0.0}
    assert engine.options == [ReadOptions(detect=False, min_confidence=0.2, language=False)] * 2


def test_a_damaged_image_counts_as_one_without_text(tmp_path):
    pages = make_set(tmp_path, page("4.png", "xxxx", 4), page("6.png", "xxxxxx", 6))
    (tmp_path / "6.png").write_bytes(b"no image")
    report = evaluate(pages, EngineReader(Engine()))
    assert len(report.failures) == 1
    assert report.failures[0].startswith("6.png: ")
    assert report.figures["det_h"] == pytest.approx(2 / 3)


def test_a_missing_image_ends_the_evaluation(tmp_path):
    pages = make_set(tmp_path, page("4.png", "xxxx", 4))
    (tmp_path / "4.png").unlink()
    with pytest.raises(FileNotFoundError):
        evaluate(pages, EngineReader(Engine()))
