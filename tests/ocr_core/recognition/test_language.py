"""Language models of characters: what they say is likely, and files that hold none."""

from __future__ import annotations

import dataclasses
import gc
import math
import weakref
from contextlib import suppress

import ngrams
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.errors import BundleCorruptError
from ocr_core.recognition.language import START, LanguageModel, Table

TABLE = ngrams.table(
    " abc0",
    {
        "a": (0.5, 0.25),
        "b": (0.25, 1.0),
        "c": (0.125, 1.0),
        " a": (0.5, 0.5),
        "ab": (0.75, 1.0),
        " ab": (0.875, 1.0),
    },
)


@pytest.fixture
def model():
    return LanguageModel(TABLE)


def log_probability(model: LanguageModel, history: str, character: str) -> float:
    return model.log_probability(b"".join(map(model.symbol, history)), model.symbol(character))


@pytest.mark.parametrize(
    ("history", "character", "probability"),
    [
        pytest.param(" a", "b", 0.875, id="the longest n-gram"),
        pytest.param("ca", "b", 0.75, id="a history that was never seen"),
        pytest.param(" a", "c", 0.5 * 0.25 * 0.125, id="weights of both histories"),
        pytest.param("b", "c", 0.125, id="no weight, no pair"),
        pytest.param("", "a", 0.5, id="no history"),
    ],
)
def test_what_was_not_seen_is_told_by_shorter_histories(model, history, character, probability):
    # Scores are rounded to sixteenths of a nat, at most three of them here.
    assert log_probability(model, history, character) == pytest.approx(math.log(probability), abs=3 / 32)


@pytest.mark.parametrize(
    ("one", "other"), [("a", "A"), ("1", "0"), ("7", "0"), ("٣", "0"), ("\u00a0", " "), ("文", "é"), ("ǰ", "x")]
)
def test_characters_that_count_as_one(model, one, other):
    assert model.symbol(one) == model.symbol(other)


def test_a_history_begins_at_the_last_space_and_is_no_longer_than_it_must_be(model):
    history = START
    for character in "cb":
        history = model.after(history, model.symbol(character))
    assert history == model.symbol("c") + model.symbol("b")
    assert model.after(history, START) == START


def test_a_model_of_single_characters_needs_no_history():
    model = LanguageModel(ngrams.table(" ab", {}))
    assert model.after(START, model.symbol("a")) == b""


def test_a_model_that_nobody_needs_is_gone_at_once():
    """Without waiting for a garbage collection: a service takes up one version after the other."""
    model = LanguageModel(TABLE)
    log_probability(model, " a", "b")
    gone = weakref.ref(model)
    gc.disable()
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()


def test_a_model_survives_its_file(tmp_path):
    TABLE.write(tmp_path / "model.npz")
    model = LanguageModel.load(tmp_path / "model.npz")
    assert log_probability(model, " a", "b") == log_probability(LanguageModel(TABLE), " a", "b")


def pickled(path):
    np.savez(path, alphabet=np.array([{}], object), allow_pickle=True)


def an_array(path):
    with path.open("wb") as file:
        np.save(file, TABLE.keys)


def written(**parts):
    """Write a table with some parts replaced by arrays that no table holds."""

    def write(path):
        whole = {"alphabet": np.array(TABLE.alphabet), **{name: getattr(TABLE, name) for name in COLUMNS}}
        np.savez(path, **{**whole, **parts})

    return write


COLUMNS = ("keys", "scores", "backoffs")
LONG = " " + "".join(map(chr, range(0x4E00, 0x4E00 + 300)))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        pytest.param(lambda path: path.write_bytes(b"PK no archive"), "no language model", id="noise"),
        pytest.param(lambda path: path.write_bytes(b""), "no language model", id="empty"),
        pytest.param(lambda path: np.savez(path, keys=np.zeros(1)), "no language model", id="parts missing"),
        pytest.param(pickled, "no language model", id="objects"),
        pytest.param(
            lambda path: dataclasses.replace(TABLE, scores=TABLE.scores[1:]).write(path), "do not fit", id="lengths"
        ),
        pytest.param(
            lambda path: dataclasses.replace(TABLE, alphabet="abc0 ").write(path), "do not fit", id="alphabet"
        ),
        pytest.param(
            lambda path: dataclasses.replace(TABLE, keys=TABLE.keys[::-1]).write(path), "out of order", id="order"
        ),
        pytest.param(
            lambda path: Table(TABLE.alphabet, TABLE.keys[2:], TABLE.scores[2:], TABLE.backoffs[2:]).write(path),
            "single symbols missing",
            id="symbols",
        ),
        pytest.param(lambda path: path.mkdir(), "no language model", id="a folder"),
        pytest.param(an_array, "no language model", id="an array alone"),
        pytest.param(written(keys=TABLE.keys.astype(float)), "keys of type float64", id="floats"),
        pytest.param(written(scores=TABLE.scores.astype(int)), "scores of type int64", id="wider integers"),
        pytest.param(written(alphabet=np.array(b" abc0")), r"alphabet of type \|S5", id="bytes"),
        pytest.param(written(alphabet=np.array([" ", "a"])), "do not fit", id="an alphabet of several"),
        pytest.param(written(keys=TABLE.keys[None]), "do not fit", id="a dimension more"),
        pytest.param(written(alphabet=np.array(LONG)), "do not fit", id="a long alphabet"),
    ],
)
def test_a_file_that_is_none_says_so(tmp_path, write, message):
    path = tmp_path / "model.npz"
    write(path)
    with pytest.raises(BundleCorruptError, match=message):
        LanguageModel.load(path)


def test_a_file_cut_short_anywhere_says_so(tmp_path):
    path = tmp_path / "model.npz"
    TABLE.write(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(BundleCorruptError):
            Table.read(path)


@given(st.data())
def test_a_damaged_file_says_so_or_holds_a_table(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    TABLE.write(path)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with suppress(BundleCorruptError):
        assert log_probability(LanguageModel.load(path), " a", "b") <= 0
