"""Letters that are too large for the search of a page are found in one of few pixels, where nothing else is read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import stripes
from drawn_pages import make_page, searches, texts
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.backends import Policy
from ocr_core.detection.detector import MOST_LARGE
from ocr_core.pipeline import ReadOptions
from ocr_core.pipeline.large import unread, with_large
from ocr_core.pipeline.lines import ReadQuad
from ocr_core.pipeline.searched import turn_pixels
from ocr_core.recognition.ctc import Character
from ocr_core.recognition.recognizer import Reading

FAINT = {"threshold": 0.25, "box_threshold": 0.3, "most_lines": 2}
LINES = [("01234", 40, 40 + 60 * row, 32) for row in range(4)]
LARGE = ("8901", 400, 340, 160)


def near_sighted(batch):
    """A detector that leaves traces only of what is higher than 60 pixels."""
    maps = stripes.detect(batch)
    for core in maps[:, 0]:
        _, labels, stats, _ = cv2.connectedComponentsWithStats((core > 0).astype(np.uint8))
        is_large = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1) > 60
        is_large[0] = False
        core[is_large[labels]] = 0.2
    return maps


def make(make_engine, detector=near_sighted, recognizer=stripes.recognize, faint=FAINT):
    functions = {"detector": detector, "recognizer": recognizer}
    return make_engine(Policy(streams=1, threads=1, max_batch=1), functions=functions, faint=faint)


def test_large_letters_are_found_in_few_pixels(make_engine):
    pixels, quads = make_page([*LINES, LARGE])
    engine = make(make_engine)
    page = engine.read(pixels, ReadOptions(words=True))
    assert texts(page) == ["01234"] * 4 + ["8901"]
    assert page.lines[-1].quad == pytest.approx(quads[-1], abs=8)
    assert searches(engine) == [(960, 640), (320, 224)], "the second in an eighth of the pixels"
    assert texts(make(make_engine, faint=None).read(pixels)) == ["01234"] * 4, "as the bundle asks"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_on_a_turned_page_too(make_engine, degrees):
    pixels, _ = make_page([*LINES, LARGE])
    page = make(make_engine).read(turn_pixels(pixels, degrees))
    assert texts(page) == ["01234"] * 4 + ["8901"]
    assert page.rotation == (360 - degrees) % 360


def test_pages_without_traces_are_searched_once(make_engine):
    engine = make(make_engine)
    assert texts(engine.read(make_page(LINES)[0])) == ["01234"] * 4
    assert searches(engine) == [(960, 640)]


def test_what_reads_unsurely_is_not_believed(make_engine):
    def unsure(batch):
        return stripes.recognize(batch) * 0.85

    pixels, _ = make_page([*LINES, LARGE])
    assert texts(make(make_engine, recognizer=unsure).read(pixels)) == ["01234"] * 4


def test_of_a_pattern_only_so_many_are_read(make_engine):
    read = []

    def recognize(batch):
        read.extend(batch)
        return stripes.recognize(batch)

    def patterned(batch):
        if batch.shape[3] == 960:
            return near_sighted(batch)
        maps = np.zeros((1, 1, *batch.shape[2:]), np.float32)
        for row in range(16):
            for column in range(14):
                maps[0, 0, 4 + 13 * row : 12 + 13 * row, 3 + 22 * column : 20 + 22 * column] = 0.9
        return maps

    pixels, _ = make_page([*LINES, LARGE])
    make(make_engine, patterned, recognize).read(pixels)
    assert len(LINES) < len(read) <= len(LINES) + 3 * MOST_LARGE, "each the other way round too, as it reads badly"


def line(text, probability, left, right, top=0, bottom=40):
    characters = tuple(Character(c, probability, 2 * i, 2 * i + 1) for i, c in enumerate(text))
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return ReadQuad(quad, Reading(characters, 2.0 * len(text)))


def said(lines):
    return sorted(one.reading.text for one in lines)


def test_words_that_are_read_elsewhere_are_not_read_twice():
    title = line("1. Introduction", 0.99, 0, 300)
    assert said(with_large([line("Introduction", 0.99, 60, 300)], [title])) == ["1.", "Introduction"]
    assert said(with_large([line("1.", 0.99, -10, 12), line("Introduction", 0.9, 60, 300)], [title])) == [
        "1.",
        "Introduction",
    ], "a box that lies a little off"


def test_a_part_is_where_its_words_are():
    (_, part) = with_large([line("cd", 0.99, 120, 200)], [line("ab cd", 0.99, 0, 200)])
    assert part.reading.text == "ab"
    assert part.quad[:, 0].tolist() == pytest.approx([0, 80, 80, 0], abs=21)
    assert [(c.start, c.end) for c in part.reading.characters] == [(0, 1), (2, 3)]
    (_, part) = with_large([line("ab", 0.99, 0, 80)], [line("ab cd", 0.99, 0, 200)])
    assert part.reading.text == "cd"
    assert 0 <= part.reading.characters[0].start < part.reading.characters[-1].end <= part.reading.frames


def test_unsure_fragments_give_way_and_sure_lines_stay():
    fragments = [line("I", 0.5, 0, 40), line("N", 0.7, 50, 90), line("total", 0.6, 0, 1000)]
    assert said(with_large(fragments, [line("BURGER", 0.95, 0, 300)])) == ["BURGER", "total"]
    assert said(with_large([line("KING", 0.85, 0, 280)], [line("BURGER", 0.95, 0, 300)])) == ["KING"]


def test_small_text_below_large_letters_stays_though_it_is_unsure():
    assert said(with_large([line("customer", 0.76, 0, 100)], [line("EUR 20", 0.99, 0, 300)])) == ["EUR 20", "customer"]


def test_a_stamp_across_a_sure_line_is_left_out():
    stamp = line("PAID", 0.99, 0, 150, -180, 220)
    assert said(with_large([line("abc def", 0.99, 0, 300)], [stamp])) == ["abc def"]
    assert said(with_large([line("abc def", 0.99, 140, 440)], [stamp])) == ["PAID", "abc def"], "it hardly touches it"


def test_signs_are_not_believed():
    assert with_large([], [line("---", 0.99, 0, 300)]) == []


def test_quads_that_lie_in_sure_lines_are_not_read():
    quads = [line("", 1, 0, 300).quad, line("", 1, 0, 300, 100, 140).quad]
    assert unread(quads, [line("BURGER", 0.95, 0, 220)]) == quads[1:]
    assert unread(quads, [line("BURGER", 0.95, 0, 200)]) == quads, "a third is free"
    assert unread(quads, [line("BURGER", 0.5, 0, 300)]) == quads
    flat = np.array([[0, 0], [9, 0], [9, 0], [0, 0]], np.float32)
    assert unread([flat], []) == [], "no area, no text"


lines = st.builds(
    lambda text, sure, left, width, top: line(text, sure, left, left + width, top, top + 40),
    st.text("ab 1.", max_size=6),
    st.floats(0.3, 1.0),
    st.integers(-20, 300),
    st.integers(1, 300),
    st.integers(-20, 60),
)


@given(st.lists(lines, max_size=5), st.lists(lines, max_size=5))
def test_nothing_sure_is_lost_and_nothing_unsure_added(found, large):
    got = with_large(found, large)
    assert all(any(one is kept for kept in got) for one in found if one.confidence >= 0.8)
    new = [one for one in got if not any(one is old for old in found)]
    assert all(any(c.isalnum() for c in one.reading.text) for one in new)
    words = {word for one in large for word in one.reading.text.split()}
    assert all(word in words for one in new for word in one.reading.text.split())
