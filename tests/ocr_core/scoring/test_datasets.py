from __future__ import annotations

import json

import numpy as np
import pytest

from ocr_core.scoring import CropSet, PageSet, Region, read_set

SQUARE = [[0, 0], [9, 0], [9, 9], [0, 9]]


def write(folder, *rows):
    (folder / "labels.jsonl").write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n")
    return folder


def test_a_page_set_is_read_with_its_regions(tmp_path):
    row = {
        "image": "images/a.png",
        "lines": [{"points": SQUARE, "text": "Hi\u2028there"}, {"points": SQUARE, "text": "", "ignore": True}],
        "granularity": "line",
        "lang": "en",
        "source": "somewhere",
        "not_known": 1,
    }
    pages = read_set(write(tmp_path, row, "", row))
    assert isinstance(pages, PageSet)
    assert pages.name == tmp_path.name
    assert pages.by_line
    assert len(pages.rows) == 2
    assert pages.path(pages.rows[0]) == tmp_path / "images" / "a.png"
    assert pages.rows[0].lines[0] == Region(((0, 0), (9, 0), (9, 9), (0, 9)), "Hi\u2028there")
    assert [region.ignore for region in pages.rows[1].lines] == [False, True]
    assert len(pages.head(1).rows) == 1


def test_line_ends_inside_a_string_do_not_split_a_row(tmp_path):
    (tmp_path / "labels.jsonl").write_text('{"image": "a.png", "text": "one\u2028two"}\n', encoding="utf-8")
    crops = read_set(tmp_path)
    assert isinstance(crops, CropSet)
    assert crops.rows[0].text == "one\u2028two"


def test_a_page_without_lines_is_a_page(tmp_path):
    pages = read_set(write(tmp_path, {"image": "a.png", "lines": []}))
    assert isinstance(pages, PageSet)
    assert not pages.by_line


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([""], "no rows"),
        ([{"image": "a.png", "text": "a"}, {"image": "b.png", "lines": []}], "pages and crops in one set"),
        ([{"image": "a.png", "text": "a"}, {"text": "b"}], ":2: image: Field required"),
        ([{"image": "a.png", "lines": [{"points": [[0, 0], [1, 1]], "text": "a"}]}], ":1: lines.0.points: "),
        (["not json"], ":1: Invalid JSON"),
        (["[1]"], ":1: "),
    ],
)
def test_a_damaged_set_is_refused_with_its_row(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        read_set(write(tmp_path, *rows))


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_set(tmp_path)


def test_a_region_is_made_of_an_array():
    assert Region.of(np.array(SQUARE, np.float32), "x").points == ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
