from __future__ import annotations

import cv2
import numpy as np
import pytest

from trainer.render.preview import preview_lines, preview_pages


def test_lines_are_shown_with_their_texts(tmp_path, lines):
    def sample(index):
        line = lines.sample(0, index)
        return line.image, line.text, line.char_spans

    preview_lines(tmp_path / "lines.png", sample, 5, columns=2, width=300)
    assert cv2.imread(str(tmp_path / "lines.png")).shape == (3 * 58, 600, 3)


def test_pages_are_shown_with_their_quads(tmp_path):
    quad = np.array([[[10, 10], [90, 10], [90, 30], [10, 30]]], np.float32)
    blank = np.full((100, 100, 3), 255, np.uint8)
    preview_pages(tmp_path / "pages.png", lambda index: (blank, quad, [index == 1]), 2, columns=2, side=100)
    sheet = cv2.imread(str(tmp_path / "pages.png"))
    assert sheet.shape == (104, 208, 3)
    assert sheet[10, 50].tolist() == [0, 170, 0]
    assert sheet[10, 154].tolist() == [0, 0, 255]
    assert blank.min() == 255, "the image itself stays as it is"


def test_a_folder_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(OSError, match="cannot write"):
        preview_pages(
            tmp_path / "none" / "x.png", lambda _: (np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4, 2)), []), 1
        )
