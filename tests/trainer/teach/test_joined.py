"""Words are joined to the lines that a teacher finds; words that it misses stay, what is in doubt teaches nothing."""

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


def _points(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


class _Teacher:
    """Finds what it is told to, on every page."""

    ref = "teacher@1"
    lines: tuple[Line, ...] = ()

    @classmethod
    def load(cls, bundle):
        return cls()

    def read(self, pixels, options):
        assert options.detect
        assert options.min_confidence == 0
        height, width = pixels.shape[:2]
        return Page(width=width, height=height, rotation=0, lines=self.lines, seconds={})

    def close(self):
        pass


def _found(text, confidence, *box):
    return Line(text=text, confidence=confidence, quad=np.array(_points(*box), np.float32), words=())


@pytest.fixture
def taught(tmp_path, monkeypatch):
    """Joins the words of one page to the lines that a teacher finds there; returns the fates and the new lines."""
    monkeypatch.setattr(module, "Engine", _Teacher)
    folder = tmp_path / "set"
    folder.mkdir()
    cv2.imwrite(str(folder / "page.png"), np.zeros((300, 400, 3), np.uint8))

    def teach(labels, found):
        lines = [{"points": _points(*box), "text": text, "ignore": text == "###"} for text, *box in labels]
        row = {"image": "page.png", "lines": lines, "granularity": "word"}
        (folder / "labels.jsonl").write_text(json.dumps(row))
        monkeypatch.setattr(_Teacher, "lines", tuple(found))
        fates = join_words(_Teacher(), read_set(folder), tmp_path / "new", confidence=0.7)
        new = read_set(tmp_path / "new")
        assert new.path(new.rows[0]).resolve() == folder / "page.png"
        return fates, [(line.text, line.ignore, line.points[0]) for line in new.rows[0].lines]

    return teach


def test_a_line_that_reads_well_takes_the_place_of_its_words(taught):
    words = [("BANANA", 10, 10, 100, 40), ("REPUBLIC", 110, 10, 250, 40)]
    fates, lines = taught(words, [_found("Banana Republic", 0.9, 8, 8, 252, 42)])
    assert lines == [("Banana Republic", False, (8, 8))]
    assert fates == {"read": 1}


def test_a_line_that_reads_badly_says_what_its_words_say_in_their_order(taught):
    words = [("REPUBLIC", 110, 10, 250, 40), ("BANANA", 10, 10, 100, 40)]
    fates, lines = taught(words, [_found("8anana Re", 0.4, 8, 8, 252, 42)])
    assert lines == [("BANANA REPUBLIC", False, (8, 8))]
    assert fates == {"joined": 1}


def test_what_may_be_no_text_is_marked_as_unreadable(taught):
    fates, lines = taught([], [_found("iiii", 0.4, 8, 8, 252, 42)])
    assert lines == [("###", True, (8, 8))]
    assert fates == {"unsure": 1}


def test_a_line_half_of_which_nobody_read_is_not_half_a_label(taught):
    words = [("BANANA", 10, 10, 100, 40), ("###", 110, 10, 250, 40)]
    fates, lines = taught(words, [_found("8anana Re", 0.4, 8, 8, 252, 42)])
    assert lines == [("###", True, (8, 8))]
    assert fates == {"unsure": 1}


def test_words_that_the_teacher_misses_stay_labels(taught):
    words = [("SALE", 10, 100, 100, 140), ("###", 200, 200, 300, 240)]
    fates, lines = taught(words, [_found("Banana Republic", 0.9, 8, 8, 252, 42)])
    assert lines[1:] == [("SALE", False, (10, 100)), ("###", True, (200, 200))]
    assert fates == {"read": 1, "kept": 1, "ignored": 1}


def test_a_word_half_of_which_a_line_shows_is_told_once(taught):
    fates, lines = taught([("SALE", 10, 10, 110, 40)], [_found("SA", 0.9, 8, 8, 55, 42)])
    assert lines == [("SA", False, (8, 8))]
    assert fates == {"read": 1}


def test_single_lines_are_refused(tmp_path):
    (tmp_path / "labels.jsonl").write_text(json.dumps({"image": "a.png", "text": "a"}))
    with pytest.raises(ConfigError, match="single lines"):
        join_words(_Teacher(), read_set(tmp_path), tmp_path / "new", confidence=0.9)


def test_a_set_is_not_joined_into_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Engine", _Teacher)
    row = {"image": "page.png", "lines": [], "granularity": "word"}
    (tmp_path / "labels.jsonl").write_text(json.dumps(row))
    with pytest.raises(ConfigError, match="another folder"):
        join_words(_Teacher(), read_set(tmp_path), tmp_path, confidence=0.9)
    assert json.loads((tmp_path / "labels.jsonl").read_text()) == row
