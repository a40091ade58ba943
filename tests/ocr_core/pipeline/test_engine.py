"""The engine end to end, on pages of stripes."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import stripes
from drawn_pages import LINES, assert_same, make_page, texts

from ocr_core.backends import Policy
from ocr_core.errors import BackendError
from ocr_core.pipeline import ReadOptions


def test_lines_are_read_where_they_stand(engine):
    pixels, quads = make_page()
    page = engine.read(pixels)
    assert (page.width, page.height, page.rotation) == (960, 640, 0)
    assert texts(page) == [text for text, *_ in LINES]
    assert page.text == "\n".join(texts(page))
    for line, quad in zip(page.lines, quads, strict=True):
        assert line.quad == pytest.approx(quad, abs=2)
        assert line.confidence == pytest.approx(stripes.SURE)
        assert line.words == ()
    assert set(page.seconds) == {"det", "crop", "rec", "post"}


def test_large_pages_are_read_in_their_own_pixels(engine):
    lines = [(text, 3 * x, 3 * y, 3 * height) for text, x, y, height in LINES]
    pixels, quads = make_page(lines, 2880, 1920)
    page = engine.read(pixels)
    assert texts(page) == [text for text, *_ in LINES]
    for line, quad in zip(page.lines, quads, strict=True):
        assert line.quad == pytest.approx(quad, abs=6)


FINER = {"max_side": 2000, "max_pixels": 640 * 640, "fine_pixels": 1280 * 1280, "fine_below": 12.0}
"""A page of 1280 × 1280 is searched in half its size, or in its own."""


@pytest.mark.parametrize(
    ("heights", "searches"),
    [
        pytest.param((64, 64, 64), [640], id="32 pixels in the search"),
        pytest.param((20, 20, 64), [640, 1280], id="most lines 10 pixels"),
        pytest.param((20, 64, 64), [640], id="one line 10 pixels"),
        pytest.param((), [640], id="nothing found, nothing to go by"),
    ],
)
def test_pages_of_small_lines_are_searched_again_in_a_finer_size(make_engine, heights, searches):
    engine = make_engine(Policy(streams=1, threads=1, max_batch=1), resize=FINER)
    lines = [("0123 456", 100, 200 * number + 100, height) for number, height in enumerate(heights)]
    page = engine.read(make_page(lines, width=1280, height=1280)[0])
    assert [shape[3] for shape in engine.backend.networks["detector"].shapes] == searches
    assert texts(page) == ["0123 456"] * len(heights)


def test_a_page_that_was_searched_in_its_own_pixels_is_not_searched_again(make_engine):
    engine = make_engine(Policy(streams=1, threads=1, max_batch=1), resize=FINER)
    engine.read(make_page([("0123", 40, 40, 8)], width=640, height=640)[0])
    assert len(engine.backend.networks["detector"].shapes) == 1


def test_an_empty_page_has_no_lines(engine):
    page = engine.read(stripes.blank_page(320, 320))
    assert page.lines == ()
    assert (page.rotation, page.text) == (0, "")


@pytest.mark.parametrize("detect", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1), (3, 5000), (32, 32)])
@pytest.mark.parametrize("value", [0, 127, 255])
def test_hostile_shapes_are_read_as_nothing(engine, shape, value, detect):
    page = engine.read(np.full((*shape, 3), value, np.uint8), ReadOptions(detect=detect))
    assert page.lines == ()


def test_words_hold_their_characters_and_not_much_more(engine):
    pixels, (quad,) = make_page([("01 2  345", 100, 100)])
    (line,) = engine.read(pixels, ReadOptions(words=True)).lines
    assert line.text == "01 2 345"
    assert [word.text for word in line.words] == ["01", "2", "345"]
    assert [word.confidence for word in line.words] == pytest.approx([stripes.SURE] * 3)
    assert (line.words[0].quad[0, 0], line.words[-1].quad[1, 0]) == pytest.approx((quad[0, 0], quad[1, 0]), abs=12)
    for word, start, end in zip(line.words, (0, 3, 6), (2, 4, 9), strict=True):
        left, right = 100 + 8 + 24 * start, 100 + 24 * end  # where the stripes of the word begin and end
        assert left - 24 < word.quad[0, 0] <= left + 2
        assert right - 2 <= word.quad[1, 0] < right + 24
        assert word.quad[[0, 3]][:, 1] == pytest.approx(line.quad[[0, 3]][:, 1], abs=0.5)


def test_the_whole_image_is_a_line_without_detection(engine):
    strip = stripes.blank_page(stripes.block_width("0123"), 32)
    stripes.draw(strip, "0123", 0, 0)
    page = engine.read(strip, ReadOptions(detect=False, words=True))
    (line,) = page.lines
    assert (line.text, page.rotation) == ("0123", 0)
    assert line.quad.tolist() == [[0, 0], [104, 0], [104, 32], [0, 32]]
    assert line.words[0].quad == pytest.approx(line.quad)
    assert engine.backend.networks["detector"].shapes == []


def test_unsure_lines_are_left_out_as_the_caller_says(make_engine):
    def less_sure_of_wide_lines(batch):
        return stripes.recognize(batch) * (0.7 if batch.shape[3] > 64 else 1.0)

    engine = make_engine(functions={"recognizer": less_sure_of_wide_lines})
    pixels, _ = make_page([("12", 40, 40), ("123456", 40, 140)])
    assert texts(engine.read(pixels)) == ["12", "123456"]
    assert texts(engine.read(pixels, ReadOptions(min_confidence=0.8))) == ["12"]
    assert texts(engine.read(pixels, ReadOptions(min_confidence=1.0))) == []


@pytest.mark.parametrize("length", [9, 10, 11, 25, 60])
@pytest.mark.parametrize("widths", [(64, 128, 256), (128,)])
def test_long_lines_are_read_whole_in_windows(make_engine, length, widths):
    engine = make_engine(widths=widths)
    text = ("0123456789ab11 22" * 4)[:length]
    pixels, (quad,) = make_page([(text, 30, 40)], width=1600, height=96)
    (line,) = engine.read(pixels, ReadOptions(words=True)).lines
    assert line.text == text
    assert line.quad == pytest.approx(quad, abs=3)
    assert " ".join(word.text for word in line.words) == text
    assert {shape[3] for shape in engine.backend.networks["recognizer"].shapes} <= set(widths)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            [(str(row) + str(i), 40 + 200 * i, 40 + 60 * row) for row in range(4) for i in range(3)], id="rows"
        ),
        pytest.param(
            [
                (f"{column}{row} 0123456789ab", 40 + 480 * column, 40 + 50 * row, 24)
                for column in range(2)
                for row in range(8)
            ],
            id="two columns",
        ),
        pytest.param(
            [
                line
                for row in range(8)
                for line in ((f"{row} 0123456", 40, 40 + 50 * row, 24), (f"{row}9", 700, 44 + 50 * row, 24))
            ],
            id="labels and prices",
        ),
    ],
)
@pytest.mark.parametrize("skew", [0, 4])
def test_lines_come_in_reading_order(engine, lines, skew):
    pixels, _ = make_page(lines)
    matrix = cv2.getRotationMatrix2D((480, 320), -skew, 0.9)
    pixels = cv2.warpAffine(pixels, matrix, (960, 640), flags=cv2.INTER_AREA, borderValue=(255, 255, 255))
    assert texts(engine.read(pixels)) == [text for text, *_ in lines]


def test_skewed_lines_keep_their_places(engine):
    pixels, quads = make_page()
    matrix = cv2.getRotationMatrix2D((480, 320), -7, 0.8)
    page = engine.read(cv2.warpAffine(pixels, matrix, (960, 640), borderValue=(255, 255, 255)))
    assert texts(page) == [text for text, *_ in LINES]
    for line, quad in zip(page.lines, quads, strict=True):
        assert line.quad == pytest.approx(cv2.transform(quad[None], matrix)[0], abs=4)


def depends_on_width(batch):
    """Probabilities that tell how wide the input was."""
    return stripes.recognize(batch) * np.float32(1 - batch.shape[3] / 5000)


def company(rng, count):
    """Lines of random texts and heights for one page, in two columns of 320 pixels and rows of 64."""
    for i in range(count):
        text = "".join(rng.choice(list("0123456789ab"), size=rng.integers(1, 8)))
        yield text, 16 + 320 * (i % 2), 8 + 64 * (i // 2), int(rng.choice([20, 32, 48]))


@pytest.mark.parametrize("width_step", [1, 4])
@pytest.mark.parametrize("max_batch", [1, 4, 32])
def test_a_line_reads_the_same_alone_and_in_any_batch(make_engine, rng, max_batch, width_step):
    policy = Policy(streams=1, threads=1, max_batch=max_batch, width_step=width_step)
    widths = (48, 64, 96, 128, 192, 256)
    engine = make_engine(policy, functions={"recognizer": depends_on_width}, widths=widths)
    lines = list(company(rng, 20))
    together = engine.read(make_page(lines, 640, 640)[0]).lines
    sizes = [shape[0] for shape in engine.backend.networks["recognizer"].shapes]
    assert sum(sizes) == len(together) == len(lines)
    assert (max(sizes) > 1) == (max_batch > 1)
    assert max(sizes) <= max_batch
    for line in together:
        (drawn,) = (drawn for drawn in lines if np.abs(line.quad[0] - drawn[1:3]).max() < 3)
        text, x, y, height = drawn
        (alone,) = engine.read(make_page([(text, x % 320, y % 64, height)], 320, 64)[0]).lines
        assert (alone.text, alone.confidence) == (line.text, line.confidence)
        assert alone.text == text


@pytest.mark.parametrize("width_step", [1, 2])
def test_a_batch_holds_lines_of_one_input_width(make_engine, rng, width_step):
    batches = []

    def recorded(batch):
        batches.append(batch)
        return stripes.recognize(batch)

    policy = Policy(streams=1, threads=1, max_batch=32, width_step=width_step)
    widths = (48, 64, 96, 128, 192, 256)
    engine = make_engine(policy, functions={"recognizer": recorded}, widths=widths)
    engine.read(make_page(list(company(rng, 20)), 640, 640)[0])
    kept = np.array(widths[(len(widths) - 1) % width_step :: width_step])
    assert any(len(batch) > 1 for batch in batches)
    for batch in batches:
        # Padding is zero, which no drawn grey is.
        filled = [np.flatnonzero(row.any(axis=(0, 1))).max() + 1 for row in batch]
        assert {kept[np.searchsorted(kept, width)] for width in filled} == {batch.shape[3]}


@pytest.mark.parametrize("streams", [1, 3])
def test_threads_share_an_engine_and_get_their_own_texts(make_engine, rng, streams):
    engine = make_engine(Policy(streams=streams, threads=streams, max_batch=4), classifier=True)
    pages = [np.rot90(make_page(list(company(rng, 2)), 640, 64)[0], i % 4) for i in range(16)]
    options = [ReadOptions(words=i % 2 == 0, min_confidence=0.2 * (i % 3), detect=i % 5 > 0) for i in range(16)]
    jobs = list(zip(pages, options, strict=True)) * 2
    alone = [engine.read(page, choice) for page, choice in jobs[:16]]
    with ThreadPoolExecutor(32) as pool:
        together = list(pool.map(lambda job: engine.read(*job), jobs))
    assert any(page.rotation for page in alone)
    for i, page in enumerate(together):
        assert_same(page, alone[i % 16])


def test_options_leave_no_trace_in_the_engine(engine):
    pixels, _ = make_page()
    before = engine.read(pixels)
    for options in [
        ReadOptions(min_confidence=1.0),
        ReadOptions(words=True),
        ReadOptions(detect=False, min_confidence=0.0),
    ]:
        engine.read(pixels, options)
        assert_same(engine.read(pixels), before)
    assert all(line.words == () for line in engine.read(pixels).lines)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ReadOptions().words = True


def test_warming_up_meets_every_shape_of_common_pages(make_engine):
    engine = make_engine(Policy(streams=2, threads=2, max_batch=4))
    engine.warm_up()
    networks = engine.backend.networks
    assert {shape[3] for shape in networks["recognizer"].shapes} == {64, 128, 256}
    assert {shape[0] for shape in networks["recognizer"].shapes} == {4}
    warmed = {shape[2:] for shape in networks["detector"].shapes}
    engine.read(make_page(width=1500, height=2000)[0])
    assert networks["detector"].shapes[-1][2:] in warmed


def test_warming_up_meets_the_finer_sizes_too(make_engine):
    engine = make_engine(Policy(streams=1, threads=1, max_batch=1), resize=FINER)
    engine.warm_up()
    detector = engine.backend.networks["detector"]
    warmed = [shape[2:] for shape in detector.shapes]
    engine.read(make_page([("0123", 40, 40, 20)], width=1240, height=1754)[0])
    searched = [shape[2:] for shape in detector.shapes[len(warmed) :]]
    assert len(searched) == 2
    assert set(searched) <= set(warmed)


@pytest.mark.parametrize("streams", [1, 2])
def test_a_closed_engine_refuses(make_engine, streams):
    engine = make_engine(Policy(streams=streams, threads=streams, max_batch=1))
    engine.close()
    assert all(network.closed for role, network in engine.backend.networks.items() if role != "classifier")
    for detect in (True, False):
        with pytest.raises(BackendError, match="closed"):
            engine.read(make_page()[0], ReadOptions(detect=detect))
