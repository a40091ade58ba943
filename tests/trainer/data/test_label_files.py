"""Readers of labelled data: the three forms, the validation rule, and what is refused."""

from __future__ import annotations

import hashlib
import json

import pytest

from ocr_core.scoring.datasets import CropSet, PageSet, validates
from trainer.config import LabelledSource
from trainer.data.readers import read_icdar, read_paddle, read_source
from trainer.errors import ConfigError

BOX = [[1, 2], [9, 2], [9, 6], [1, 6]]


def test_paddle_pages(tmp_path):
    boxes = [{"transcription": "to", "points": BOX}, {"transcription": "###", "points": BOX}]
    (tmp_path / "det.txt").write_text(f"img/a.jpg\t{json.dumps(boxes)}\nimg/b.jpg\t[]\n")
    pages = read_paddle(tmp_path / "det.txt")
    assert isinstance(pages, PageSet)
    assert [row.image for row in pages.rows] == ["img/a.jpg", "img/b.jpg"]
    assert [(line.text, line.ignore) for line in pages.rows[0].lines] == [("to", False), ("###", True)]
    assert pages.rows[0].lines[0].points == ((1, 2), (9, 2), (9, 6), (1, 6))
    assert pages.path(pages.rows[0]) == tmp_path / "img/a.jpg"


@pytest.mark.parametrize("text", ["three words here", "[1]", "[]x", '{"a": 1}', "123"])
def test_paddle_lines_keep_any_text(tmp_path, text):
    (tmp_path / "rec.txt").write_text(f"w/1.png\t{text}\r\n\nw/2.png\tb\tc\n", "utf-8")
    lines = read_paddle(tmp_path / "rec.txt")
    assert isinstance(lines, CropSet)
    assert [(row.image, row.text) for row in lines.rows] == [("w/1.png", text), ("w/2.png", "b\tc")]


def test_icdar(tmp_path):
    (tmp_path / "img_1.jpg").touch()
    (tmp_path / "img_2.jpg").touch()
    (tmp_path / "gt_img_1.txt").write_text("\ufeff1,2,9,2,9,6,1,6,A, B\n0,0,5,0,5,5,0,5,###\n", "utf-8")
    pages = read_icdar(tmp_path)
    assert [row.image for row in pages.rows] == ["img_1.jpg"]
    first, second = pages.rows[0].lines
    assert (first.text, first.ignore, first.points[2]) == ("A, B", False, (9.0, 6.0))
    assert second.ignore


@pytest.mark.parametrize("far", [1e300, -2e7])
def test_corners_that_no_image_has_are_refused(tmp_path, far):
    boxes = [{"transcription": "to", "points": [[far, 2], *BOX[1:]]}]
    (tmp_path / "det.txt").write_text(f"a.jpg\t{json.dumps(boxes)}\n")
    (tmp_path / "a.jpg").touch()
    (tmp_path / "gt_a.txt").write_text(f"{far:.0f},2,9,2,9,6,1,6,A\n")
    with pytest.raises(ValueError, match="row 1: Input should be"):
        read_paddle(tmp_path / "det.txt")
    with pytest.raises(ValueError, match=r"gt_a.txt:1: a corner more than 16,777,216 pixels away"):
        read_icdar(tmp_path)


def test_validation_takes_every_eighth_by_the_hash_of_the_name():
    names = [f"{number}.jpg" for number in range(400)]
    expected = [int(hashlib.sha1(name.encode()).hexdigest(), 16) % 8 == 0 for name in names]
    assert [validates(f"any/folder/{name}") for name in names] == expected
    assert 20 < sum(expected) < 80


def test_train_and_validation_rows_are_all_rows_once(data):
    def images(rows):
        source = LabelledSource.model_validate({"kind": "labels", "path": "lines", "rows": rows})
        return {row.image for row in read_source(source, data).rows}

    assert images("train") | images("validate") == images("all")
    assert not images("train") & images("validate")
    assert len(images("all")) == 24


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        pytest.param("labels", None, "labels.jsonl", id="no such set"),
        pytest.param("labels", "", "no rows", id="empty"),
        pytest.param("paddle", "a.jpg text\n", "row 1", id="no tab"),
        pytest.param("paddle", 'a.jpg\t[{"points": [[1, 2]], "x": 1}]\n', "row 1", id="no transcription"),
    ],
)
def test_damaged_sets_are_refused_with_the_place(tmp_path, kind, content, message):
    if content is not None:
        (tmp_path / "labels.jsonl").write_text(content)
    path = "labels.jsonl" if kind == "paddle" else "."
    source = LabelledSource.model_validate({"kind": kind, "path": path, "rows": "all"})
    with pytest.raises(ConfigError, match=message):
        read_source(source, tmp_path)


def test_icdar_rows_without_coordinates_are_refused(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "gt_a.txt").write_text("1,2,3,text\n")
    with pytest.raises(ValueError, match=r"gt_a\.txt:1"):
        read_icdar(tmp_path)


def test_rows_may_be_skipped(data):
    def images(**part):
        source = LabelledSource.model_validate({"kind": "labels", "path": "lines", "rows": "all"} | part)
        return [row.image for row in read_source(source, data).rows]

    assert images(skip=3, limit=5) == images()[3:8]
    assert images(limit=3) + images(skip=3) == images()
