"""Words cut anew: always around the word, never twice the same."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.charset import Charset
from trainer.config import LabelledSource
from trainer.data.line_sources import LineFormat, open_lines
from trainer.data.problems import Problems
from trainer.data.recut import LARGEST, recut, soften, take_patch
from trainer.render.draws import sample_rng

QUAD = np.array([[100, 60], [180, 70], [178, 94], [98, 84]], np.float32)
"""A word of 80 × 24 pixels on a slope."""


def photograph(factor: int = 1) -> np.ndarray:
    pixels = np.full((200 * factor, 300 * factor, 3), 255, np.uint8)
    pixels[60 * factor : 95 * factor, 98 * factor : 181 * factor] = 0
    return pixels


def test_a_patch_holds_the_word_and_what_is_around_it():
    patch = take_patch(photograph(), QUAD, "word", "here")
    pixels = patch.surroundings.pixels
    assert patch.text == "word"
    assert pixels.shape[0] < 80
    left, top = np.floor(patch.quad.min(axis=0)).astype(int)
    right, bottom = np.ceil(patch.quad.max(axis=0)).astype(int)
    assert (pixels[top:bottom, left:right] == 0).mean() > 0.9
    assert pixels[0].mean() > 200


def test_a_large_word_is_kept_no_larger_than_needed():
    patch = take_patch(photograph(10), QUAD * 10, "word", "here")
    assert np.linalg.norm(patch.quad[3] - patch.quad[0]) == pytest.approx(LARGEST, rel=0.05)


def test_a_word_at_the_edge_stays_inside():
    patch = take_patch(photograph()[:90, :150], QUAD, "word", "here")
    assert patch.surroundings.pixels.shape[1] <= 150


@pytest.mark.parametrize("index", range(20))
def test_cuts_are_around_the_word(index):
    line = recut(take_patch(photograph(), QUAD, "word", "here"), 48, sample_rng(0, index))
    assert line.shape[0] == 48
    assert line[12:36, line.shape[1] // 3 : line.shape[1] * 2 // 3].mean() < 40


def test_no_two_cuts_are_alike_and_each_is_a_function_of_its_position():
    patch = take_patch(photograph(), QUAD, "word", "here")
    cuts = [recut(patch, 48, sample_rng(0, index)) for index in range(6)]
    assert len({cut.tobytes() for cut in cuts}) == 6
    assert np.array_equal(cuts[3], recut(patch, 48, sample_rng(0, 3)))


def test_softening_keeps_the_size():
    line = np.random.default_rng(0).integers(0, 255, (48, 90, 3), np.uint8)
    assert all(soften(line, sample_rng(1, index)).shape == line.shape for index in range(12))


def test_a_source_recuts_where_it_is_told_to(data):
    form = LineFormat(charset=Charset("0123456789"), height=32, grey=True)
    source = LabelledSource(kind="labels", path="pages", rows="all", recut=True)
    lines = open_lines(source, form, data, 0, 0.0, Problems())
    assert lines.size == 24
    first, again = lines.line(5, 0), lines.line(5, 1)
    assert first.text == again.text
    assert first.pixels.shape[0] == 32
    assert first.pixels.tobytes() != again.pixels.tobytes()
