"""Spaces are taken from a bundle that reads the same characters; nothing else changes."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ocr_core.pipeline.result import Line, Page
from ocr_core.scoring.datasets import read_set
from trainer.errors import ConfigError
from trainer.teach import pages as module
from trainer.teach.respaced import set_spaces, with_spaces


@pytest.mark.parametrize(
    ("label", "reading", "expected"),
    [
        pytest.param("TEL:93 306", "Tel : 93 306", "TEL : 93 306", id="more spaces, the label's case"),
        pytest.param("S P A C E", "SPACE", "SPACE", id="fewer"),
        pytest.param("Tel:", "Tel:x", "Tel:", id="not the same characters"),
        pytest.param("a  b", " ab ", "ab", id="none at the ends"),
        pytest.param("wait... ok…", "wait… ok...", "wait... ok…", id="as many characters, but others at each place"),
    ],
)
def test_spaces_of_the_reading(label, reading, expected):
    assert with_spaces(label, reading) == expected


READINGS = {50: ("TIN : 07", 0.9), 100: ("TIN : 07", 0.6), 150: ("TIN : 08", 0.99), 200: ("no", 0.99)}


class _Bundle:
    ref = "own@1"

    @classmethod
    def load(cls, bundle):
        return cls()

    def read(self, pixels, options):
        text, confidence = READINGS[round(float(pixels.mean()) / 50) * 50]
        line = Line(text=text, confidence=confidence, quad=np.zeros((4, 2), np.float32), words=())
        return Page(width=9, height=9, rotation=0, lines=(line,), seconds={})

    def close(self):
        pass


def test_only_what_is_surely_read_alike_is_spaced(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Engine", _Bundle)
    page = np.zeros((200, 200, 3), np.uint8)
    lines = []
    for number, (text, ignore) in enumerate([("TIN:07", False), ("TIN:07", False), ("TIN:07", False), ("###", True)]):
        top, bottom = number * 50, number * 50 + 40
        page[top:bottom, 10:110] = 50 * (number + 1)
        points = [[10, top], [110, top], [110, bottom], [10, bottom]]
        lines.append({"points": points, "text": text, "ignore": ignore})
    folder = tmp_path / "set"
    folder.mkdir()
    cv2.imwrite(str(folder / "page.png"), page)
    (folder / "labels.jsonl").write_text(json.dumps({"image": "page.png", "lines": lines, "granularity": "line"}))

    fates = set_spaces(_Bundle(), read_set(folder), tmp_path / "new", confidence=0.7)

    assert fates == {"spaced": 1, "kept": 2, "ignored": 1}
    (row,) = read_set(tmp_path / "new").rows
    assert [(line.text, line.ignore) for line in row.lines] == [
        ("TIN : 07", False),
        ("TIN:07", False),
        ("TIN:07", False),
        ("###", True),
    ]


def test_single_lines_are_refused(tmp_path):
    (tmp_path / "labels.jsonl").write_text(json.dumps({"image": "a.png", "text": "a"}))
    with pytest.raises(ConfigError, match="single lines"):
        set_spaces(_Bundle(), read_set(tmp_path), tmp_path / "new", confidence=0.7)
