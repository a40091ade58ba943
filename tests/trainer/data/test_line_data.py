"""Lines for the recognizer: crops, augmentation, batches."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from ocr_core.charset import Charset
from ocr_core.scoring.datasets import read_set
from trainer.config import LabelledSource, RecognizerData
from trainer.data.crops import cut_crops
from trainer.data.line_augment import augment_line, warp
from trainer.data.lines import CropLines, Line, LineGroups, collate, fit_height, frames_needed, padded_width
from trainer.data.problems import Problems
from trainer.data.readers import read_source
from trainer.errors import ConfigError
from trainer.render.draws import sample_rng

DIGITS = Charset("0123456789")
SOURCE = {"kind": "labels", "path": "lines", "rows": "all"}


def quarter(width: int) -> int:
    return width // 4


def line(width: int, text: str, centers: list[float] | None = None) -> Line:
    pixels = np.full((32, width, 1), 7, np.uint8)
    return Line(pixels, text, None if centers is None else np.array(centers, np.float32))


def test_bad_lines_are_counted_listed_and_skipped(tmp_path):
    cv2.imwrite(str(tmp_path / "good.png"), np.zeros((40, 100, 3), np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no image")
    square = [[0, 0], [50, 0], [50, 20], [0, 20]]
    lines = [
        {"points": square, "text": "12"},
        {"points": square, "text": "1x2"},
        {"points": square, "text": "   "},
        {"points": [square[0], square[2], square[1], square[3]], "text": "3"},
        {"points": square, "text": "4", "ignore": True},
    ]
    rows = [{"image": "good.png", "lines": lines}, {"image": "broken.png", "lines": lines}]
    (tmp_path / "labels.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    problems = Problems()
    crops = cut_crops(read_set(tmp_path), 32, DIGITS, problems)
    assert [crop.text for crop in crops] == ["12"]
    assert crops[0].pixels.shape == (32, 80, 3)
    assert problems.counts == {
        "unreadable image": 1,
        "outside the charset": 1,
        "no text": 1,
        "crossing polygon": 1,
    }
    assert ("outside the charset", f"{tmp_path / 'good.png'}:1") in problems.places
    assert str(problems) == "1 crossing polygon, 1 no text, 1 outside the charset, 1 unreadable image"


def test_collate_pads_to_a_width_and_marks_the_characters():
    batch = collate([line(40, "12", [4.0, 30.0]), line(60, "345")], (48, 64, 96), DIGITS, quarter)
    assert batch["images"].shape == (2, 32, 64, 1)
    assert not batch["images"][0, :, 40:].any()
    assert batch["sizes"].tolist() == [40, 60]
    assert batch["labels"].tolist() == [[2, 3, 0], [4, 5, 6]]
    assert batch["lengths"].tolist() == [2, 3]
    known = np.flatnonzero(batch["targets"][0] >= 0).tolist()
    assert known == [1, 7]  # 4 pixels a frame
    assert batch["targets"][0, known].tolist() == [2, 3]
    assert (batch["targets"][1] == -1).all()


@pytest.mark.parametrize(("text", "frames"), [("", 1), ("1", 1), ("12", 2), ("11", 3), ("1122", 6)])
def test_ctc_needs_a_blank_between_equal_neighbours(text, frames):
    assert frames_needed(text) == frames


@pytest.mark.parametrize(("width", "expected"), [(1, 48), (48, 48), (49, 96), (200, 96)])
def test_padded_width(width, expected):
    assert padded_width(width, (48, 96)) == expected


class Fixed:
    """Lines of the widths given, over and over."""

    size = None

    def __init__(self, *lines: Line) -> None:
        self.lines = lines

    def line(self, index: int, position: int) -> Line:
        return self.lines[index % len(self.lines)]


def groups(source, **fields) -> LineGroups:
    data = RecognizerData.model_validate(
        {"train": [SOURCE], "validate_on": [SOURCE], "batch": 4, "group": 3, "widths": [48, 96]} | fields
    )
    return LineGroups([source], [1.0], data, DIGITS, quarter, 0)


def test_a_groups_batches_hold_lines_of_like_widths():
    batches = groups(Fixed(line(40, "1"), line(90, "2"), line(60, "3")))[0]
    assert [len(batch["images"]) for batch in batches] == [4, 4, 4]
    assert sorted(batch["sizes"].tolist() for batch in batches) == [[40] * 4, [60] * 4, [90] * 4]


def test_lines_that_cannot_be_learned_are_left_out():
    hopeless = (line(97, "1"), line(40, "12x"), line(12, "1" * 12))
    batches = groups(Fixed(line(40, "1"), *hopeless))[5]
    assert sum(len(batch["images"]) for batch in batches) == 3
    assert all((batch["lengths"] == 1).all() for batch in batches)
    assert sum(int(batch.get("left_out", 0)) for batch in batches) == 9


def test_a_group_has_all_its_batches_even_if_few_lines_are_usable():
    batches = groups(Fixed(line(40, "1"), *[line(97, "1")] * 11))[0]
    assert sorted(len(batch["images"]) for batch in batches) == [1, 1, 2]


def test_a_group_without_a_usable_line_is_an_error():
    with pytest.raises(ConfigError, match="no usable"):
        groups(Fixed(line(97, "1")))[0]


def test_groups_depend_on_their_number_alone(data):
    source = LabelledSource.model_validate(SOURCE)
    crops = cut_crops(read_source(source, data), 48, DIGITS, Problems())
    first, second = (groups(CropLines(crops, 32, True, 0.4, 9)) for _ in range(2))
    second[7], second[3]
    for a, b in zip(first[3], second[3], strict=True):
        assert all((a[name] == b[name]).all() for name in a)
    assert any((a["images"].shape != b["images"].shape) for a, b in zip(first[3], first[4], strict=True)) or any(
        (a["images"] != b["images"]).any() for a, b in zip(first[3], first[4], strict=True)
    )


@pytest.mark.parametrize("height", [8, 31, 32, 48, 70])
def test_fit_height_keeps_proportions(height):
    fitted = fit_height(np.full((height, 2 * height, 3), 99, np.uint8), 32, grey=True)
    assert fitted.shape == (32, 64, 1)
    assert (fitted == 99).all()


def test_a_warp_that_moves_nothing_changes_nothing():
    image = np.random.default_rng(0).integers(0, 255, (48, 150, 3), np.uint8)
    corners = np.array([0, 149, 149 + 47j, 47j])
    assert (warp(image, corners, corners) == image).all()


def test_a_warp_takes_the_content_along():
    image = np.zeros((48, 100, 3), np.uint8)
    image[20:28, 40:48] = 255
    corners = np.array([0, 99, 99 + 47j, 47j])
    moved = warp(image, corners, corners + 10 + 5j)
    rows, columns = np.nonzero(moved[:, :, 0] > 128)
    assert (columns.mean(), rows.mean()) == (pytest.approx(53.5), pytest.approx(28.5))


@pytest.mark.parametrize("shape", [(48, 300, 3), (48, 21, 3), (20, 20, 3), (19, 100, 3), (8, 4, 3), (1, 1, 3)])
def test_augmentation_takes_any_size(shape):
    image = np.full(shape, 128, np.uint8)
    for index in range(20):
        changed = augment_line(image, sample_rng(0, index), 1.0)
        assert changed.dtype == np.uint8
        assert 0 < changed.shape[0] <= shape[0]
        assert changed.shape[1:] == shape[1:]


def test_no_augmentation_at_probability_0():
    image = np.random.default_rng(0).integers(0, 255, (48, 100, 3), np.uint8)
    assert augment_line(image, sample_rng(0, 0), 0.0) is image
