"""Lines that are read again or settled: by a language model, a second recognizer, or levelled."""

from __future__ import annotations

import ngrams
import numpy as np
import pytest
import stripes
from drawn_pages import make_page, texts

from ocr_core.backends import Policy
from ocr_core.pipeline import ReadOptions
from ocr_core.pipeline import lines as reading_of_lines
from ocr_core.pipeline.lines import elected
from ocr_core.recognition.ctc import Character
from ocr_core.recognition.language import LanguageModel
from ocr_core.recognition.recognizer import Reading


def unsure(batch):
    """The recognizer of stripes, for which an a may well be a b."""
    output = stripes.recognize(batch)
    a, b = (stripes.CHARACTERS.index(character) + 1 for character in "ab")
    is_a = output[..., a] == stripes.SURE
    output[is_a, a], output[is_a, b] = 0.55, 0.4
    return output


def test_a_language_model_in_the_bundle_settles_what_the_network_is_in_doubt_of(make_engine, tmp_path):
    ngrams.table(
        " ab0",
        {" a": (0.9, 0.1), " b": (0.1, 1.0), "ab": (0.9, 0.1), "a": (0.2, 0.02), "b": (0.2, 0.02), "b ": (0.9, 1.0)},
    ).write(tmp_path / "words.npz")
    model = {"file": "words.npz", "sha256": "0" * 64, "bytes": 1}
    language = {"model": model, "weight": 1.0, "bonus": 1.0}
    pixels, _ = make_page([("aa 8", 40, 40, 32), ("bb 1", 40, 140, 32)])
    functions = {"recognizer": unsure}
    assert texts(make_engine(functions=functions).read(pixels)) == ["aa 8", "bb 1"]
    engine = make_engine(functions=functions, folder=tmp_path, language=language)
    page = engine.read(pixels, ReadOptions(words=True))
    assert texts(page) == ["ab 8", "bb 1"]
    assert texts(engine.read(pixels, ReadOptions(language=False))) == ["aa 8", "bb 1"]
    assert [word.text for word in page.lines[0].words] == ["ab", "8"]
    assert page.lines[0].words[0].quad[1, 0] <= page.lines[0].words[1].quad[0, 0] + 1


def doubting(batch):
    """The recognizer of stripes, which takes an a for a b, and is in doubt of it."""
    output = stripes.recognize(batch)
    a, b = (stripes.CHARACTERS.index(character) + 1 for character in "ab")
    is_a = output[..., a] > 0
    output[is_a, a], output[is_a, b] = 0.2, 0.6
    return output


DOUBTED = {"recognizer": doubting, "second": stripes.recognize}


@pytest.mark.parametrize("streams", [1, 2])
def test_a_second_recognizer_reads_what_the_first_is_in_doubt_of(make_engine, streams):
    lines = [("a1", 40, 40, 32), ("22", 40, 140, 32), ("3 a", 40, 240, 32)]
    pixels, _ = make_page(lines)
    read_again = []

    def again(batch):
        read_again.append(len(batch))
        return stripes.recognize(batch)

    engine = make_engine(
        Policy(streams=streams, threads=streams, max_batch=1),
        functions=DOUBTED | {"second": again},
        second={"below": 0.9},
    )
    page = engine.read(pixels, ReadOptions(words=True))
    assert texts(page) == [text for text, *_ in lines]
    assert [word.text for line in page.lines for word in line.words] == ["a1", "22", "3", "a"]
    assert sum(read_again) == 2
    engine.warm_up()
    assert texts(make_engine(functions=DOUBTED).read(pixels)) == ["b1", "22", "3 b"]
    assert texts(make_engine(functions=DOUBTED, second={"below": 0.5}).read(pixels)) == ["b1", "22", "3 b"]


def test_a_second_recognizer_reads_lines_of_its_own_height_where_the_page_was_turned(make_engine):
    pixels, _ = make_page([("0123 a56", 40, 40, 32), ("a8 2356 19", 60, 140, 64)])

    def tall(batch):
        assert batch.shape[2] == 64
        return stripes.recognize(batch[:, :, ::2, ::2])

    engine = make_engine(
        functions={"recognizer": doubting, "second": tall},
        second={"below": 0.9, "height": 64, "widths": (128, 512, 2048)},
    )
    page = engine.read(np.ascontiguousarray(pixels[::-1, ::-1]))
    assert (page.rotation, texts(page)) == (180, ["0123 a56", "a8 2356 19"])


def test_what_the_first_recognizer_sees_nothing_in_the_second_reads(make_engine):
    pixels, _ = make_page([("a1", 40, 40, 32)])
    blind = {"recognizer": lambda batch: stripes.recognize(batch) * 0, "second": stripes.recognize}
    assert texts(make_engine(functions=blind, second={"below": 0.1}).read(pixels)) == ["a1"]


def test_both_recognizers_share_one_language_model(make_engine, tmp_path, monkeypatch):
    ngrams.table(" ab0", {" a": (0.9, 0.1)}).write(tmp_path / "words.npz")
    loaded = []
    load = LanguageModel.load
    monkeypatch.setattr(LanguageModel, "load", lambda path: loaded.append(path) or load(path))
    language = {"model": {"file": "words.npz", "sha256": "0" * 64, "bytes": 1}, "weight": 1.0, "bonus": 1.0}
    make_engine(functions=DOUBTED, folder=tmp_path, second={"below": 0.9}, language=language)
    assert len(loaded) == 1


def test_a_picture_of_one_line_is_read_again_too(make_engine):
    pixels = picture("3 a", lambda x: 0 * x)
    engine = make_engine(functions=DOUBTED, second={"below": 0.9})
    assert texts(engine.read(pixels, ReadOptions(detect=False))) == ["3 a"]


def picture(text: str, lower) -> np.ndarray:
    """A picture of one line 64 pixels high that stands `lower(x)` pixels lower at x, which runs from -1 to 1."""
    flat = np.full((64, stripes.block_width(text, 64), 3), stripes.BLANK, np.uint8)
    stripes.draw(flat, text, 0, 0, 64)
    places = np.linspace(-1, 1, flat.shape[1])
    drops = np.round(lower(places)).astype(int)
    drops -= drops.min()
    tilted = np.full((64 + drops.max(), flat.shape[1], 3), stripes.BLANK, np.uint8)
    for column, drop in enumerate(drops):
        tilted[drop : drop + 64, column] = flat[:, column]
    return tilted


@pytest.mark.parametrize(
    "lower",
    [
        pytest.param(lambda x: 11 * x, id="falling"),
        pytest.param(lambda x: -26 * x, id="rising steeply"),
        pytest.param(lambda x: 27 * x**2, id="arch"),
        pytest.param(lambda x: -64 * x**2, id="deep bowl"),
    ],
)
def test_a_picture_of_one_line_is_levelled_where_it_reads_badly(engine, monkeypatch, lower):
    pixels, flat = picture("0123 456", lower), picture("0123 456", lambda x: 0 * x)
    page = engine.read(pixels, ReadOptions(detect=False, min_confidence=0))
    assert texts(page) == ["0123 456"]
    assert page.lines[0].confidence > reading_of_lines.DOUBTED
    assert page.lines[0].quad.tolist() == [[0, 0], [pixels.shape[1], 0], [*pixels.shape[1::-1]], [0, pixels.shape[0]]]
    monkeypatch.setattr("ocr_core.pipeline.lines.DOUBTED", 0.0)
    as_it_is = engine.read(pixels, ReadOptions(detect=False, min_confidence=0)).lines
    assert texts(page) != [line.text for line in as_it_is] or as_it_is[0].confidence < 0.9
    assert texts(engine.read(flat, ReadOptions(detect=False))) == ["0123 456"]


def reading(text, probability):
    return Reading(tuple(Character(c, probability, i, i + 1) for i, c in enumerate(text)), float(len(text)))


@pytest.mark.parametrize(
    ("readings", "text", "confidence"),
    [
        pytest.param([("hotei", 0.8), ("hotel", 0.7), ("hotel", 0.75)], "hotel", 0.75, id="two agree"),
        pytest.param([("hotei", 0.99), ("hotel", 0.7), ("hotel", 0.75)], "hotei", 0.99, id="one is sure"),
        pytest.param([("hotel", 0.7), ("h", 0.9), ("h", 0.8)], "hotel", 0.7, id="sure of one letter of many"),
        pytest.param([("", 0.0), ("h", 0.4), ("i", 0.4)], "", 0.0, id="none has a vote"),
    ],
)
def test_readings_elect_a_text(readings, text, confidence):
    found = elected([reading(*each) for each in readings])
    assert (found.text, found.confidence) == (text, pytest.approx(confidence))


def test_a_picture_of_a_long_line_costs_no_more_than_its_pixels_however_badly_it_reads(engine):
    pixels = np.ascontiguousarray(np.rot90(picture("01234567" * 4, lambda x: 0 * x), 2))
    page = engine.read(pixels, ReadOptions(detect=False, min_confidence=0))
    assert page.lines[0].confidence < reading_of_lines.DOUBTED
    windows = engine.backend.networks["recognizer"].shapes
    assert sum(shape[0] * shape[3] for shape in windows) < 3 * pixels.shape[1] * 32 / pixels.shape[0]  # they overlap
