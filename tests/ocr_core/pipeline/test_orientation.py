"""Which way up pages and lines are."""

from __future__ import annotations

import numpy as np
import pytest
import stripes

from ocr_core.geometry import turn_points
from ocr_core.pipeline import ReadOptions
from ocr_core.pipeline.orientation import lies_on_its_side

LINES = [("0123 456", 40, 40), ("ab 11", 500, 44), ("789", 60, 140), ("12 345", 300, 400)]


def draw(*lines, size=(960, 640), upside_down=(), sideways=()):
    """Draw lines; some by their number upside down in their place, or turned clockwise about their top left corner."""
    page = stripes.blank_page(*size)
    for i, (text, x, y) in enumerate(lines):
        width = stripes.block_width(text)
        strip = stripes.blank_page(width, 32)
        stripes.draw(strip, text, 0, 0)
        strip = np.rot90(strip, 2 if i in upside_down else -1 if i in sideways else 0)
        page[y : y + strip.shape[0], x : x + strip.shape[1]] = strip
    return page


def texts(page):
    return [line.text for line in page.lines]


@pytest.mark.parametrize("classifier", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_pages_read_as_upright_ones(make_engine, turn, classifier):
    engine = make_engine(classifier=classifier)
    upright = engine.read(draw(*LINES), ReadOptions(words=True))
    turned = engine.read(np.rot90(draw(*LINES), -turn // 90), ReadOptions(words=True))
    assert turned.rotation == (-turn) % 360
    assert (turned.width, turned.height) == ((960, 640) if turn % 180 == 0 else (640, 960))
    assert texts(turned) == texts(upright) == [text for text, *_ in LINES]
    for line, original in zip(turned.lines, upright.lines, strict=True):
        assert line.confidence == pytest.approx(stripes.SURE)
        assert line.quad == pytest.approx(turn_points(original.quad, (960, 640), turn), abs=2)
        for word, same in zip(line.words, original.words, strict=True):
            assert word.text == same.text
            assert word.quad == pytest.approx(turn_points(same.quad, (960, 640), turn), abs=4)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_single_line_tells_the_turn_of_its_page(engine, turn):
    page = engine.read(np.rot90(draw(("0123", 60, 60), size=(320, 256)), -turn // 90))
    assert (texts(page), page.rotation) == (["0123"], (-turn) % 360)


def test_a_line_upside_down_on_an_upright_page_is_read(engine):
    pixels = draw(*LINES, upside_down={3})
    page = engine.read(pixels)
    assert (texts(page), page.rotation) == (["0123 456", "ab 11", "789", "12 345"], 0)
    left, top, width = 300, 400, stripes.block_width("12 345")
    corners = [[left + width, top + 32], [left, top + 32], [left, top], [left + width, top]]
    assert page.lines[3].quad == pytest.approx(np.array(corners), abs=2)


def test_single_letters_read_as_they_stand_though_they_are_taller_than_wide(engine):
    pixels = draw(*LINES)
    letter = draw(("7", 0, 0), size=(32, 32))[:, 6:26]
    for top in range(200, 600, 60):
        pixels[top : top + 32, 860:880] = letter
    page = engine.read(pixels)
    assert page.rotation == 0
    assert texts(page).count("7") == 7


def letters_tolerably(batch):
    """The recognizer of stripes, which reads letters tolerably even upside down."""
    output = stripes.recognize(batch)
    letters = output[..., stripes.CHARACTERS.index("a") + 1 : stripes.CHARACTERS.index("b") + 2]
    letters[np.isclose(letters, stripes.UPSIDE_DOWN)] = 0.7
    return output


@pytest.mark.parametrize(
    ("upside_down", "read"),
    [
        pytest.param({4}, "ba", id="no line says that others are upside down"),
        pytest.param({2, 4}, "ab", id="one is, as half of a folded card"),
    ],
)
def test_lines_that_read_tolerably_are_in_doubt_beside_one_upside_down(make_engine, upside_down, read):
    engine = make_engine(functions={"recognizer": letters_tolerably})
    page = engine.read(draw(*LINES, ("ab", 60, 500), upside_down=upside_down))
    assert page.rotation == 0
    assert sorted(texts(page)) == sorted([*(text for text, *_ in LINES), read])


@pytest.mark.parametrize("turn", [0, 2])
def test_a_line_that_runs_down_or_up_beside_others_is_read(engine, turn):
    pixels = draw(*LINES, ("6789", 860, 300), sideways={4})
    pixels[300:460, 860:892] = np.rot90(pixels[300:460, 860:892], turn)
    page = engine.read(pixels)
    assert page.rotation == 0
    assert sorted(texts(page)) == sorted([*(text for text, *_ in LINES), "6789"])


def test_lines_across_do_not_outvote_the_longer_ones_that_run_down(engine):
    """The turn is told by the lines that lie on their side alone."""
    lines = [("0123456789", 40 + 80 * i, 40) for i in range(5)]
    across = [("ab12 34", 500, 40 + 80 * i) for i in range(4)]
    pixels = draw(*lines, *across, sideways=range(5))
    for turn, rotation in ((0, 270), (2, 90)):
        page = engine.read(np.rot90(pixels, turn))
        assert page.rotation == rotation
        assert sorted(texts(page)) == sorted([text for text, *_ in lines + across])


def test_tall_things_that_read_as_nothing_turn_no_page(engine):
    pixels = draw(("12", 40, 40))
    for left in (200, 300, 400):
        pixels[200:500, left : left + 40] = 140
    page = engine.read(pixels)
    assert (page.rotation, texts(page)) == (0, ["12"])
    assert len(engine.backend.networks["detector"].shapes) == 1


def test_the_classifier_sees_doubtful_lines_alone(make_engine):
    engine = make_engine(classifier=True)
    networks = engine.backend.networks
    engine.read(draw(*LINES))
    assert networks["classifier"].shapes == []
    page = engine.read(draw(*LINES, upside_down={1}))
    assert texts(page) == [text for text, *_ in LINES]
    assert [shape[0] for shape in networks["classifier"].shapes] == [1]
    assert networks["classifier"].shapes[0][1:] == (3, 48, 192)
    assert "cls" in page.seconds


def test_lines_that_the_classifier_takes_for_upright_are_not_read_again(make_engine):
    upright = {"classifier": lambda batch: np.tile(np.float32([0.6, 0.4]), (len(batch), 1))}
    page = make_engine(classifier=True, functions=upright).read(draw(*LINES, upside_down={1}))
    assert texts(page) == ["0123 456", "789", "12 345"]  # the other stays too doubtful to be given


@pytest.mark.parametrize(
    ("sizes", "verdict"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([(200, 20)] * 3, False, id="across"),
        pytest.param([(20, 200)] * 3, True, id="down"),
        pytest.param([(200, 20), (20, 90), (20, 90)], False, id="more of the length across"),
        pytest.param([(20, 20), (25, 20), (20, 25)], False, id="too square to tell"),
        pytest.param([(30, 20), (20, 30)], False, id="a tie"),
    ],
)
def test_pages_on_their_side_are_told_by_the_length_of_their_lines(sizes, verdict):
    quads = [np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32) for w, h in sizes]
    assert lies_on_its_side(quads) is verdict


@pytest.mark.parametrize(("turn", "rotation"), [(1, 90), (3, 270), (2, 180)])
def test_a_page_on_its_side_is_turned_though_no_line_of_it_looks_tall(make_engine, turn, rotation):
    """As detectors do that know no such pages, this one joins what is on its side to blocks that run across."""
    upright = draw(*LINES)
    pixels = np.ascontiguousarray(np.rot90(upright, turn))

    def detect(batch):
        found = stripes.detect(batch)
        if turn != 2 and batch.shape[2:] == pixels.shape[:2]:
            found[:] = 0
            found[:, :, 60:120, 40:400] = 0.9
        return found

    engine = make_engine(functions={"detector": detect})
    page = engine.read(pixels)
    assert page.rotation == rotation
    assert texts(page) == [text for text, *_ in LINES]
    assert len(engine.backend.networks["detector"].shapes) == 2
