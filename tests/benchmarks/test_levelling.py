"""How words that read badly are read in the end."""

from __future__ import annotations

import json

import cv2
import numpy as np

from benchmarks.levelling import Answer, words
from ocr_core.recognition.ctc import Character
from ocr_core.recognition.recognizer import Reading
from ocr_core.scoring import read_set
from ocr_core.scoring.datasets import validates


def reading(text, probability):
    return Reading(tuple(Character(c, probability, i, i + 1) for i, c in enumerate(text)), float(len(text)))


FOUND = Answer(
    "hotel", "h0te!", (reading("h0te!", 0.6), reading("HOTEL", 0.8), reading("hotels", 0.9), reading("HOTEL", 0.85))
)


def test_a_word_that_reads_surely_stays_as_it_is():
    assert not FOUND.plainly()
    assert not FOUND.voted(0.5, 4)
    assert not FOUND.best(0.5)


def test_all_readings_of_a_doubtful_word_vote_or_the_best_is_kept():
    assert FOUND.voted(0.95, 2)
    assert not FOUND.best(0.95), "the best one is wrong"
    assert Answer("hotel", "hotel", (reading("hotel", 0.6), reading("h", 0.9))).best(0.95), "sure of one letter"


def test_a_picture_too_long_for_a_word_has_one_reading():
    assert Answer("hotel", "Hotel", ()).voted(0.95, 4)


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


def test_crops_are_words_as_they_are(tmp_path):
    names = [f"{number}.png" for number in range(20)]
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.full((20, 80, 3), 255, np.uint8))
    (tmp_path / "labels.jsonl").write_text("\n".join(json.dumps({"image": name, "text": "Word!"}) for name in names))
    found = list(words(read_set(tmp_path)))
    assert len(found) == sum(map(validates, names))
    assert {(word.shape[:2], label) for word, label in found} == {((20, 80), "word")}
