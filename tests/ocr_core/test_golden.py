"""Golden vectors: what the steps around the networks give, worked out by hand or by other libraries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Polygon

from ocr_core.charset import Charset
from ocr_core.detection.postprocess import find_quads
from ocr_core.geometry import grow_rectangle, signed_area
from ocr_core.recognition.crop import cut_line
from ocr_core.recognition.ctc import best_path, decode
from ocr_core.recognition.recognizer import Reading


def vectors(name):
    cases = json.loads(Path(__file__).with_name("golden").joinpath(name).read_text())["cases"]
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in cases])


@vectors("unclip.json")
def test_unclip(case):
    quad = np.array(case["quad"], np.float32)
    distance = signed_area(quad) * case["unclip_ratio"] / Polygon(quad).length
    assert distance == pytest.approx(case["distance"], abs=2e-3)
    assert grow_rectangle(quad, distance) == pytest.approx(np.array(case["grown"]), abs=0.02)


@vectors("detection.json")
def test_detection(case, detector_spec):
    width, height = case["map"]
    probability = np.zeros((height, width), np.float32)
    for left, top, across, down, value in case["blocks"]:
        probability[top : top + down, left : left + across] = value
    found = find_quads(probability, detector_spec(**case["spec"]), tuple(case["image"]))
    assert len(found) == len(case["found"])
    for detection, expected in zip(found, case["found"], strict=True):
        left, top, right, bottom = expected["box"]
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        assert detection.quad == pytest.approx(np.array(corners), abs=2e-3)
        assert detection.score == pytest.approx(expected["score"], abs=1e-3)


def test_candidates_are_bounded(detector_spec):
    probability = np.zeros((64, 64), np.float32)
    probability[8:16, 8:56] = probability[40:48, 8:56] = 0.9
    assert len(find_quads(probability, detector_spec(), (64, 64))) == 2
    assert len(find_quads(probability, detector_spec(max_candidates=1), (64, 64))) == 1


@vectors("crop.json")
def test_crop(case):
    image = np.repeat(np.array(case["image"], np.uint8)[..., None], 3, axis=2)
    line = cut_line(image, np.array(case["quad"], np.float32), case["height"])
    assert line[..., 0].tolist() == case["line"]
    assert (line == line[..., :1]).all()


@vectors("ctc.json")
def test_ctc(case):
    output = np.zeros((len(case["path"]), 5), np.float32)
    for frame, (label, probability) in zip(output, case["path"], strict=True):
        frame[label] = probability
    characters = decode(best_path(output, "probabilities"), Charset("abc "))
    reading = Reading(characters, len(output))
    assert reading.text == case["text"]
    assert reading.confidence == pytest.approx(case["confidence"])
    assert [[c.start, c.end] for c in characters] == case["spans"]


def test_logits_become_probabilities():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]], np.float32)
    frames = best_path(np.log(probabilities) + 3, "logits")
    assert frames.path.tolist() == [0, 1]
    assert frames.probabilities[:, 0] == pytest.approx([0.7, 0.9], abs=1e-6)
