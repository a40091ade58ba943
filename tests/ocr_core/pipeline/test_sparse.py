"""Pages of few lines are looked over for text that the detector is unsure of, and the recognizer judges it."""

from __future__ import annotations

import numpy as np
import pytest
import stripes
from drawn_pages import make_page, searches, texts
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.backends import Policy
from ocr_core.detection.detector import MOST_FAINT
from ocr_core.pipeline import ReadOptions
from ocr_core.pipeline.lines import ReadQuad
from ocr_core.pipeline.searched import turn_pixels
from ocr_core.pipeline.sparse import SAME_TEXT, SEEN_SURELY, best_of, unclaimed, without_noise
from ocr_core.recognition.ctc import Character
from ocr_core.recognition.recognizer import Reading

FAINT = {"threshold": 0.2, "box_threshold": 0.3, "most_lines": 2}


def unsure_of_wide(batch):
    """A detector that doubts what is more than six times as wide as high."""
    maps = stripes.detect(batch)
    for core in maps[:, 0]:
        for columns in np.flatnonzero(core.any(axis=1)):
            row = core[columns]
            row[row > 0] = 0.9 if np.count_nonzero(row) < 130 * core.shape[1] / 960 else 0.4
    return maps


PAGE = [("12", 40, 40, 32), ("0123456", 400, 240, 32)]


def make(make_engine, faint=FAINT, recognizer=stripes.recognize, detector=unsure_of_wide):
    functions = {"detector": detector, "recognizer": recognizer}
    return make_engine(Policy(streams=1, threads=1, max_batch=1), functions=functions, faint=faint)


def test_faint_text_that_reads_surely_is_found(make_engine):
    pixels, quads = make_page(PAGE)
    assert texts(make(make_engine, faint=None).read(pixels)) == ["12"]
    engine = make(make_engine)
    page = engine.read(pixels, ReadOptions(words=True))
    assert texts(page) == ["12", "0123456"]
    for line, quad in zip(page.lines, quads, strict=True):
        assert line.quad == pytest.approx(quad, abs=2)
    assert searches(engine) == [(960, 640), (704, 448)], "the second in half the pixels"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_on_a_turned_page_too(make_engine, degrees):
    pixels, _ = make_page([("01 23", 40, 40, 32), ("0123456", 400, 240, 32)])
    page = make(make_engine).read(turn_pixels(pixels, degrees))
    assert texts(page) == ["01 23", "0123456"]
    assert page.rotation == (360 - degrees) % 360


def test_pages_of_more_lines_are_not_looked_over(make_engine):
    engine = make(make_engine)
    lines = [("12", 40, 40 + 80 * row, 32) for row in range(3)]
    assert texts(engine.read(make_page([*lines, PAGE[1]])[0])) == ["12"] * 3
    assert searches(engine) == [(960, 640)]


def test_an_empty_page_stays_empty(make_engine):
    engine = make(make_engine)
    assert engine.read(stripes.blank_page(960, 640)).lines == ()
    assert len(searches(engine)) == 2


def test_of_a_pattern_only_so_many_faint_boxes_are_read(make_engine):
    read = []

    def counting(batch):
        read.extend(batch)
        return stripes.recognize(batch)

    def faint(batch):
        return stripes.detect(batch) * np.float32(0.5)

    pixels, _ = make_page([("01", 20 + 60 * (i % 15), 10 + 40 * (i // 15), 24) for i in range(225)])
    make(make_engine, recognizer=counting, detector=faint).read(pixels)
    assert MOST_FAINT < len(read) <= 3 * MOST_FAINT, "of either search, and some turned"


def test_faint_text_that_reads_unsurely_is_not_believed(make_engine):
    def unsure_of_wide_lines(batch):
        return stripes.recognize(batch) * (0.75 if batch.shape[3] > 64 else 1.0)

    pixels, _ = make_page(PAGE)
    engine = make(make_engine, recognizer=unsure_of_wide_lines)
    assert texts(engine.read(pixels, ReadOptions(min_confidence=0.0))) == ["12"]
    engine = make(make_engine, recognizer=unsure_of_wide_lines, detector=stripes.detect)
    assert texts(engine.read(pixels)) == ["12", "0123456"], "what is not faint is kept"


def test_short_unsure_lines_that_were_seen_unsurely_are_noise_unless_all_are_asked_for(make_engine):
    def unsure_of_short_lines(batch):
        return stripes.recognize(batch) * (0.6 if batch.shape[3] <= 64 else 1.0)

    def seen(probability):
        return lambda batch: stripes.detect(batch) * np.float32(probability / 0.9)

    pixels, _ = make_page(PAGE)

    def read(probability, faint=FAINT, **options):
        engine = make(make_engine, faint=faint, recognizer=unsure_of_short_lines, detector=seen(probability))
        return texts(engine.read(pixels, ReadOptions(**options)))

    unsurely, surely = SEEN_SURELY - 0.01, SEEN_SURELY + 0.01
    assert read(unsurely) == ["0123456"]
    assert read(surely) == ["12", "0123456"]
    assert read(unsurely, min_confidence=0.0) == ["12", "0123456"]
    assert read(unsurely, faint=FAINT | {"most_lines": 1}) == ["12", "0123456"], "more lines than are few"
    assert read(unsurely, faint=None) == ["12", "0123456"]


def line(text, confidence, left=0.0, width=100.0):
    characters = tuple(Character(character, confidence, i, i + 1) for i, character in enumerate(text))
    right = left + width
    return ReadQuad(np.array([[left, 0], [right, 0], [right, 20], [left, 20]], np.float32), Reading(characters, 1.0))


def said(lines):
    return [line.reading.text for line in lines]


@pytest.mark.parametrize(
    ("first", "faint", "best"),
    [
        pytest.param([], [line("EXIT", 0.95)], ["EXIT"], id="alone"),
        pytest.param([], [line("EXIT", 0.8)], [], id="not believed"),
        pytest.param([], [line("E", 0.99)], [], id="one letter is never sure enough"),
        pytest.param([line("EX", 0.9)], [line("EXIT", 0.95, -10, 120)], ["EXIT"], id="the whole word"),
        pytest.param([line("EXIT", 0.9)], [line("EXlT", 0.94)], ["EXIT"], id="the first is ahead a little"),
        pytest.param([line("EXIT", 0.9)], [line("NEXT", 0.95, 60)], ["EXIT", "NEXT"], id="beside one another"),
        pytest.param([line("", 0.0)], [], [], id="what was read as nothing"),
    ],
)
def test_of_boxes_of_the_same_text_the_one_that_reads_best_is_kept(first, faint, best):
    assert said(best_of(first, faint)) == best


NUMBERS = st.floats(0, 60, width=32, allow_subnormal=False)
QUADS = st.lists(NUMBERS, min_size=8, max_size=8).map(lambda numbers: np.array(numbers, np.float32).reshape(4, 2))
READ = st.builds(
    lambda quad, text, sure: ReadQuad(quad, line(text, sure).reading),
    QUADS,
    st.text("ab", max_size=4),
    st.floats(0, 1, allow_subnormal=False),
)


@given(st.lists(READ, max_size=5), st.lists(READ, max_size=5))
def test_any_boxes_can_be_compared_and_a_first_one_is_lost_only_to_a_rival(first, faint):
    best = best_of(first, faint)
    assert all(line in [*first, *faint] for line in best)
    assert len(best_of(best, [])) == len(best), "no two of them are rivals"
    for line in first:
        if line.reading.text and line not in best:
            assert any(len(best_of([line, other], [])) == 1 for other in best)


@pytest.mark.parametrize(
    ("text", "confidence", "score", "kept"),
    [
        pytest.param("1", 0.89, 0.6, False, id="a letter"),
        pytest.param("1", 0.91, 0.6, True, id="a surer one"),
        pytest.param("1", 0.6, 0.7, True, id="a letter that the detector is sure of: a lone digit in a cell"),
        pytest.param("abc", 0.62, 0.6, False, id="three letters"),
        pytest.param("abc", 0.65, 0.6, True, id="three surer ones"),
        pytest.param("x" * 30, 0.53, 0.6, True, id="a long line"),
    ],
)
def test_what_was_seen_unsurely_must_read_the_surer_the_shorter_it_is(text, confidence, score, kept):
    first = line(text, confidence)
    assert without_noise([first], [score]) == ([first] if kept else [])


@pytest.mark.parametrize("text", ["0000", "====", "-|-"])
def test_rows_of_a_sign_are_patterns(text):
    assert best_of([], [line(text, 0.99)]) == []
    assert said(best_of([line(text, 0.99)], [])) == [text], "which the first search saw"


def test_faint_boxes_within_lines_that_read_surely_are_not_read():
    sure, unsure = line("EXIT", 0.96), line("EXIT", 0.94)
    inside, around, beside = (line("x", 1, *place).quad for place in ((10, 50), (-100, 300), (200, 50)))
    assert len(unclaimed([inside], [sure])) == 0
    assert len(unclaimed([inside], [unsure])) == 1
    assert len(unclaimed([around, beside], [sure])) == 2


def test_the_share_that_makes_boxes_rivals():
    shared = 100 * (1 - SAME_TEXT)
    assert said(best_of([line("abcd", 0.9), line("bcde", 0.8, shared + 1)], [])) == ["abcd", "bcde"]
    assert said(best_of([line("abcd", 0.9), line("bcde", 0.8, shared - 1)], [])) == ["abcd"]
