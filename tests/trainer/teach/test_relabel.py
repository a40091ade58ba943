"""A teacher corrects case and signs and adds words; what it is sure to read otherwise is not learned from."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ocr_core.pipeline.result import Line, Page
from ocr_core.scoring.datasets import read_set
from trainer.errors import ConfigError
from trainer.teach import pages as module
from trainer.teach.joined import join_words
from trainer.teach.relabel import recased, relabel


@pytest.mark.parametrize(
    ("label", "reading", "expected"),
    [
        pytest.param("TAN WOON YANN", "Tan Woon Yann", "Tan Woon Yann", id="case"),
        pytest.param("TOTAL: RM 9.00", "Total:RM9.00", "Total: RM 9.00", id="the label's spaces stay"),
        pytest.param("STRASSE", "straße", "straSSE", id="letters that fold to two are left as labelled"),
    ],
)
def test_case_is_taken_from_the_reading_and_spaces_from_the_label(label, reading, expected):
    assert recased(label, reading) == expected


READINGS = {50: ("Total", 0.9), 100: ("0ther", 0.99), 150: ("Open", 0.97), 200: ("Shut", 0.4), 250: ("12", 0.99)}


class _Teacher:
    """Reads a line by the brightness it was painted with."""

    ref = "teacher@1"

    @classmethod
    def load(cls, bundle):
        return cls()

    def read(self, pixels, options):
        assert not options.detect
        text, confidence = READINGS[round(float(pixels.mean()) / 50) * 50]
        quad = np.zeros((4, 2), np.float32)
        return Page(
            width=9,
            height=9,
            rotation=0,
            lines=(Line(text=text, confidence=confidence, quad=quad, words=()),),
            seconds={},
        )

    def close(self):
        pass


def test_each_line_meets_its_fate(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Engine", _Teacher)
    page = np.zeros((300, 200, 3), np.uint8)
    labels = [("TOTAL", False), ("OTHER", False), ("###", True), ("###", True), ("12.50", False)]
    lines = []
    for number, (text, ignore) in enumerate(labels):
        page[number * 50 : number * 50 + 40, 10:110] = 50 * (number + 1)
        top, bottom = number * 50, number * 50 + 40
        points = [[10, top], [110, top], [110, bottom], [10, bottom]]
        lines.append({"points": points, "text": text, "ignore": ignore})
    folder = tmp_path / "set"
    folder.mkdir()
    cv2.imwrite(str(folder / "page.png"), page)
    row = {"image": "page.png", "lines": lines, "granularity": "line", "ordered": True, "lang": "en"}
    (folder / "labels.jsonl").write_text(json.dumps(row))

    fates = relabel(_Teacher(), read_set(folder), tmp_path / "new", confidence=0.95)

    assert fates == {"agreed": 1, "dropped": 1, "added": 1, "ignored": 1, "kept": 1}
    new = read_set(tmp_path / "new")
    assert new.path(new.rows[0]).resolve() == folder / "page.png"
    assert (new.rows[0].ordered, new.rows[0].lang) == (True, "en")
    assert [(line.text, line.ignore) for line in new.rows[0].lines] == [
        ("Total", False),
        ("###", True),
        ("Open", False),
        ("###", True),
        ("12.50", False),
    ]


def single_lines(folder, texts):
    """Write a set of single lines, the first of brightness 50, the second of 100 and so on."""
    folder.mkdir()
    for number, _ in enumerate(texts, 1):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((20, 60, 3), 50 * number, np.uint8))
    rows = [json.dumps({"image": f"{number}.png", "text": text}) for number, text in enumerate(texts, 1)]
    (folder / "labels.jsonl").write_text("\n".join(rows))
    return read_set(folder)


def relabelled(monkeypatch, tmp_path, readings, texts):
    monkeypatch.setattr(module, "Engine", _Teacher)
    monkeypatch.setitem(globals(), "READINGS", {50 * number: reading for number, reading in enumerate(readings, 1)})
    fates = relabel(_Teacher(), single_lines(tmp_path / "set", texts), tmp_path / "new", confidence=0.95)
    return fates, {row.image.rsplit("/", 1)[-1]: row.text for row in read_set(tmp_path / "new").rows}


def test_single_lines_take_the_signs_and_the_case_that_labels_leave_out(tmp_path, monkeypatch):
    readings = [("$10.25", 0.9), ("IT'S", 0.6), ("Don’t stop", 0.9), ("week ,", 0.9)]
    fates, texts = relabelled(monkeypatch, tmp_path, readings, ["1025", "its", "DONT STOP", " week "])
    assert fates == {"agreed": 4}
    assert texts == {"1.png": "$10.25", "2.png": "IT'S", "3.png": "Don’t stop", "4.png": "week,"}


@pytest.mark.parametrize(
    ("label", "reading", "expected"),
    [
        pytest.param("TOTAL : 12.50", "Total:12.50", "Total : 12.50", id="spaces and signs of a label stay"),
        pytest.param("Hello World", "HelloWorld", "Hello World", id="spaces that the teacher leaves out"),
        pytest.param("3.5", "35", "3.5", id="signs that the teacher leaves out"),
        pytest.param("किताब", "कुतोब", "किताब", id="vowel signs are no letters, but make other words"),
        pytest.param("m²", "m2", "m²", id="characters that compatibility forms change"),
        pytest.param("a\u3000b", "a b", "a\u3000b", id="other spaces"),
    ],
)
def test_what_a_single_line_is_labelled_with_stays(tmp_path, monkeypatch, label, reading, expected):
    _, texts = relabelled(monkeypatch, tmp_path, [(reading, 0.4)], [label])
    assert texts == {"1.png": expected}


def test_single_lines_that_are_read_otherwise_stay_where_the_teacher_is_unsure(tmp_path, monkeypatch):
    readings = [("lite", 0.97), ("lite", 0.7), ("", 0.0), ("%", 0.99)]
    fates, texts = relabelled(monkeypatch, tmp_path, readings, ["life", "life", "life", "&"])
    assert fates == {"dropped": 1, "kept": 3}
    assert texts == {"2.png": "life", "3.png": "life", "4.png": "&"}


def test_single_lines_of_which_none_is_left_are_told(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no line"):
        relabelled(monkeypatch, tmp_path, [("lite", 0.97), ("x", 0.97)], ["life", " "])
    assert not (tmp_path / "new" / "labels.jsonl").exists()


def test_single_lines_are_not_joined(tmp_path):
    (tmp_path / "labels.jsonl").write_text(json.dumps({"image": "a.png", "text": "a"}))
    with pytest.raises(ConfigError, match="single lines"):
        join_words(_Teacher(), read_set(tmp_path), tmp_path / "new", confidence=0.9)
