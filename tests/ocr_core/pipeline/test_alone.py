"""Characters that stand alone on pages of lines are found where the detector is unsure of them, and read surely."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
import stripes
from drawn_pages import make_page, texts
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from ocr_core.backends import Policy
from ocr_core.bundle.store import open_store
from ocr_core.detection.detector import MOST_FAINT
from ocr_core.pipeline.alone import TAKEN, beside, characters, looser
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.lines import ReadQuad
from ocr_core.pipeline.searched import turn_pixels
from ocr_core.recognition.ctc import Character
from ocr_core.recognition.recognizer import Reading

FAINT = {"threshold": 0.2, "box_threshold": 0.3, "most_lines": 2}
LINES = [("01234", 40, 40 + 60 * row, 32) for row in range(4)]
ALONE = [("7", 500, 40 + 60 * row, 32) for row in range(4)]


def unsure_of_short(batch):
    """A detector that doubts what is less than three times as wide as high."""
    maps = stripes.detect(batch)
    for core in maps[:, 0]:
        for columns in np.flatnonzero(core.any(axis=1)):
            row = core[columns]
            edges = np.flatnonzero(np.diff(np.concatenate([[0], row > 0, [0]])))
            for start, end in edges.reshape(-1, 2):
                row[start:end] = 0.9 if end - start > 60 * core.shape[1] / 960 else 0.4
    return maps


def make(make_engine, recognizer=stripes.recognize, faint=FAINT):
    functions = {"detector": unsure_of_short, "recognizer": recognizer}
    return make_engine(Policy(streams=1, threads=1, max_batch=1), functions=functions, faint=faint)


def test_lone_characters_are_found_and_stand_in_their_rows(make_engine):
    pixels, _ = make_page([*LINES, *ALONE])
    assert texts(make(make_engine, faint=None).read(pixels)) == ["01234"] * 4
    assert texts(make(make_engine).read(pixels)) == ["01234", "7"] * 4


def test_what_reads_unsurely_is_not_believed(make_engine):
    def unsure(batch):
        return stripes.recognize(batch) * (0.85 if batch.shape[3] <= 64 else 1.0)

    pixels, _ = make_page([*LINES, *ALONE])
    assert texts(make(make_engine, recognizer=unsure).read(pixels)) == ["01234"] * 4


def test_a_part_of_a_line_is_no_character_that_stands_alone(make_engine):
    read = []

    def counting(batch):
        read.extend(batch)
        return stripes.recognize(batch)

    pixels, _ = make_page(LINES)
    assert texts(make(make_engine, recognizer=counting).read(pixels)) == ["01234"] * 4
    assert len(read) == 4


def test_of_a_pattern_only_so_many_are_read(make_engine):
    read = []

    def counting(batch):
        read.extend(batch)
        return stripes.recognize(batch)

    dots = [("7", 260 + 60 * (i % 11), 4 + 38 * (i // 11), 24) for i in range(176)]
    pixels, _ = make_page([*LINES, *dots])
    make(make_engine, recognizer=counting).read(pixels)
    assert len(read) == len(LINES) + 2 * MOST_FAINT, "each as it is, and looser"


def test_of_a_box_and_a_looser_one_the_surer_reading_counts():
    box = np.array([[10, 10], [30, 10], [30, 26], [10, 26]], np.float32)
    assert looser(box).tolist() == [[6, 6], [34, 6], [34, 30], [6, 30]]

    def line(text, sure):
        return ReadQuad(box, Reading(tuple(Character(c, sure, i, i + 1) for i, c in enumerate(text)), len(text)))

    cut, whole, sign = line("1", 0.85), line("1.", 0.99), line("-", 0.99)
    assert characters([cut, whole, cut], [whole, cut, cut]) == [whole, whole]
    assert characters([cut, sign], [sign, cut]) == [], "a sign is surer, and no character"


quads = st.tuples(*[st.floats(0, 60, allow_subnormal=False)] * 2, *[st.floats(1, 30, allow_subnormal=False)] * 2)


@given(st.lists(quads, max_size=8), st.lists(quads, max_size=8))
def test_what_is_a_part_of_a_line_is_told_by_the_area_they_share(short, lines):
    def box(left, top, width, height):
        corners = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]
        return np.array(corners, np.float32)

    def shared(a, b):
        across, down = (min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
        return max(across, 0) * max(down, 0) / min(a[2] * a[3], b[2] * b[3])

    read = [ReadQuad(box(*line), Reading((Character("x", 1.0, 0, 1),), 1)) for line in lines]
    shares = [max((shared(one, line) for line in lines), default=0.0) for one in short]
    assume(all(abs(share - TAKEN) > 1e-3 for share in shares))
    kept = [box(*one) for one, share in zip(short, shares, strict=True) if share < TAKEN]
    assert np.array_equal(beside([box(*one) for one in short], read), kept)


@pytest.fixture(scope="module")
def shipped():
    with closing(Engine.load(open_store("models").open("ppocrv2-en"), threads=1, precision="f32")) as engine:
        yield engine


GOODS = ["Apples", "Pears", "Plums", "Figs", "Grapes", "Lemons", "Limes", "Melons", "Dates", "Kiwis"]


def bill(size):
    """A page of ten goods, the quantities of which are all digits in turn."""
    page = Image.new("RGB", (1000, 120 + 22 * size), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for digit, name in enumerate(GOODS):
        for x, text in ((60, name), (450, str(digit)), (750, f"{digit + 2}.50")):
            pen.text((x, 40 + 2 * size * digit), text, font=font, fill="black")
    return np.asarray(page)[:, :, ::-1].copy()


@pytest.mark.parametrize(("size", "degrees"), [(18, 0), (28, 0), (40, 0), (28, 90), (28, 180), (28, 270)])
def test_the_shipped_bundle_reads_a_column_of_quantities(shipped, size, degrees):
    read = texts(shipped.read(turn_pixels(bill(size), degrees)))
    assert [text for text in read if len(text) == 1] == list("0123456789")
