"""Which turn is found, told by a reader that is sure of text in one direction alone."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.pipeline.lines import ReadQuad
from ocr_core.pipeline.searched import Searched, turn_pixels
from ocr_core.pipeline.turn import TurnFinder
from ocr_core.recognition.ctc import Character
from ocr_core.recognition.recognizer import Reading

ACROSS = np.array([[10, 10], [90, 10], [90, 20], [10, 20]], np.float32)
TALL = np.array([[10, 10], [20, 10], [20, 90], [10, 90]], np.float32)
LETTER = np.array([[10, 10], [20, 10], [20, 30], [10, 30]], np.float32)
"""Tall, and perhaps one letter that stands."""
PAGE = np.zeros((100, 120, 3), np.uint8)


class Reads:
    """Reads quads whose top edge runs in a direction (degrees clockwise) with `sure`, others with `else_`.

    On a page that was turned before, which is upright in shape, `sideways` is the direction that reads well.
    """

    def __init__(self, direction, else_=0.1, sideways=None, sure=0.9):
        self.direction, self.else_, self.sideways, self.sure = direction, else_, sideways, sure
        self.pages = 0

    def search(self, pixels):
        self.pages += 1
        return Searched(pixels, [ACROSS])

    def read(self, pixels, quads):
        wanted = self.direction if pixels.shape == PAGE.shape else self.sideways
        return [ReadQuad(quad, reading(self.sure if way(quad) == wanted else self.else_)) for quad in quads]


def reading(probability):
    return Reading((Character("x", probability, 0, 1),), 1.0)


def way(quad):
    x, y = quad[1] - quad[0]
    return round(np.degrees(np.arctan2(y, x))) % 360


@pytest.mark.parametrize(
    ("reads", "quad", "rotation"),
    [
        pytest.param(Reads(90), TALL, 270, id="downwards"),
        pytest.param(Reads(270), TALL, 90, id="upwards"),
        pytest.param(Reads(0), TALL, 0, id="neither: a column of signs"),
        pytest.param(Reads(0), ACROSS, 0, id="across"),
    ],
)
def test_text_that_looks_tall(reads, quad, rotation):
    assert TurnFinder(reads).by_shape(PAGE, [quad]).degrees == rotation
    assert reads.pages == 0


@pytest.mark.parametrize(
    ("reads", "quads", "rotation"),
    [
        pytest.param(Reads(0, 0.7), [LETTER] * 9, 0, id="letters that stand, though they read well on their side"),
        pytest.param(Reads(90, 0.7), [LETTER] * 9, 270, id="short words on their side"),
        pytest.param(Reads(0, 0.7), [LETTER] * 9 + [TALL] * 3, 270, id="a few letters do not outvote lines"),
    ],
)
def test_a_page_of_single_letters_is_not_turned(reads, quads, rotation):
    assert TurnFinder(reads).by_shape(PAGE, quads).degrees == rotation


class ReadsLinesAlone(Reads):
    """Reads what is longer than a line as nothing."""

    def read(self, pixels, quads):
        long = [quad[:, 1].max() - quad[:, 1].min() > 80 for quad in quads]
        found = super().read(pixels, quads)
        return [ReadQuad(q.quad, reading(0.3)) if skip else q for q, skip in zip(found, long, strict=True)]


@pytest.mark.parametrize(("direction", "rotation"), [(90, 270), (270, 90)])
def test_letters_joined_across_lines_do_not_decide_where_lines_can(direction, rotation):
    joined = TALL + np.array([[0, 0], [0, 0], [0, 10], [0, 10]], np.float32)
    quads = [*[joined] * 8, *[TALL] * 4]
    assert TurnFinder(ReadsLinesAlone(direction)).by_shape(PAGE, quads).degrees == rotation


@pytest.mark.parametrize(
    ("reads", "rotation", "pages"),
    [
        pytest.param(Reads(0), 0, 0, id="upright"),
        pytest.param(Reads(180), 180, 0, id="upside down"),
        pytest.param(Reads(180, 0.84, sure=0.96), 180, 0, id="upside down, though it reads well"),
        pytest.param(Reads(0, 0.6, sure=0.85), 0, 0, id="upright, though not surely"),
        pytest.param(Reads(0, 0.84, sure=0.88), 0, 0, id="no direction reads better"),
        pytest.param(Reads(None, sideways=0), 90, 1, id="letters joined across lines that run up"),
        pytest.param(Reads(None, sideways=180), 270, 1, id="letters joined across lines that run down"),
        pytest.param(Reads(None), 0, 1, id="no way reads better"),
    ],
)
def test_text_that_looks_as_if_it_ran_across(reads, rotation, pages):
    lines = reads.read(PAGE, [ACROSS])
    assert TurnFinder(reads).by_readings(PAGE, [ACROSS], lines).degrees == rotation
    assert reads.pages == pages


@pytest.mark.parametrize(
    ("reads", "answer"),
    [
        pytest.param(Reads(0), False, id="upright"),
        pytest.param(Reads(180), True, id="upside down"),
        pytest.param(Reads(0, 0.88, sure=0.85), False, id="upside down reads hardly better"),
        pytest.param(Reads(180, 0.91, sure=1.0), False, id="read surely as it is"),
    ],
)
def test_a_page_that_was_turned_by_its_shape_may_stand_on_its_head(reads, answer):
    assert TurnFinder(reads).is_upside_down(PAGE, [ACROSS], reads.read(PAGE, [ACROSS])) is answer
    assert not TurnFinder(reads).is_upside_down(PAGE, [], [])


def test_pieces_found_in_a_page_on_its_side_do_not_turn_it_however_surely_they_read():
    reads = Reads(None, sideways=0)
    quads = [ACROSS, ACROSS + np.float32([0, 20])]
    assert TurnFinder(reads).by_readings(PAGE, quads, reads.read(PAGE, quads)).degrees == 0


@pytest.mark.parametrize(("sideways", "quad"), [(0, ACROSS), (180, [[10, 100], [90, 100], [90, 110], [10, 110]])])
def test_a_page_that_was_searched_to_find_its_turn_is_handed_on_as_it_should_stand(sideways, quad):
    reads = Reads(None, sideways=sideways)
    page = np.arange(PAGE.size, dtype=np.uint32).astype(np.uint8).reshape(PAGE.shape)
    turn = TurnFinder(reads).by_readings(page, [ACROSS], reads.read(page, [ACROSS]))
    assert np.array_equal(turn.page.pixels, turn_pixels(page, turn.degrees))
    assert np.array_equal(turn.page.quads, [quad])


def test_pixels_are_turned_clockwise():
    row = np.arange(3, dtype=np.uint8).reshape(1, 3, 1)
    assert turn_pixels(row, 90)[:, 0, 0].tolist() == [0, 1, 2]
    assert turn_pixels(row, 180)[0, :, 0].tolist() == [2, 1, 0]
    assert turn_pixels(row, 270)[:, 0, 0].tolist() == [2, 1, 0]
