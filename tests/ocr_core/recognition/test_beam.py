"""Prefix beam search: the same as trying every path, and what a language model settles."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import ngrams
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.charset import Charset
from ocr_core.recognition import beam, ctc
from ocr_core.recognition.beam import Decoder
from ocr_core.recognition.ctc import Frames, best_classes, best_path, decode
from ocr_core.recognition.language import LanguageModel

CHARSET = Charset("abc ")
EVEN = LanguageModel(ngrams.table(" abc", {}))
"""Every character is as likely as any other."""
FAIR = math.log(5)
"""What a character costs in it."""
WORDS = LanguageModel(ngrams.table(" abc", {" a": (0.9, 0.1), "ab": (0.9, 0.01), "b ": (0.9, 0.01)}))
"""Knows one word: ab."""


def decoder(model: LanguageModel = EVEN, weight: float = 1.0, bonus: float = FAIR) -> Decoder:
    return Decoder(CHARSET, model, weight, bonus)


def frames_of(*rows: dict[str, float]) -> Frames:
    """Make frames of the probabilities of their characters; the rest is blank."""
    output = np.zeros((len(rows), 5), np.float32)
    for frame, row in zip(output, rows, strict=True):
        for text, probability in row.items():
            frame[CHARSET.encode(text)[0]] = probability
        frame[0] = 1 - frame.sum()
    return best_classes(output, "probabilities", 5)


def text(seen) -> str:
    return "".join(CHARSET.text(item.label) for item in seen)


@given(st.lists(st.lists(st.floats(0.02, 1), min_size=3, max_size=3), min_size=1, max_size=6))
def test_without_a_language_the_likeliest_text_is_found(rows):
    output = np.array(rows, np.float32)
    output /= output.sum(axis=1, keepdims=True)
    every: dict[str, float] = defaultdict(float)
    for path in itertools.product(range(3), repeat=len(output)):
        classes = [label for label, _ in itertools.groupby(path) if label]
        every[CHARSET.decode(classes)] += float(np.prod(output[np.arange(len(output)), path]))
    with pytest.MonkeyPatch.context() as patch:  # a narrow beam may lose what would be best in the end
        patch.setattr(beam, "BEAM", 1000)
        patch.setattr(beam, "LEAST", 0.0)
        patch.setattr(ctc, "SETTLED", 1.0)
        frames = best_classes(output, "probabilities", 3)
        seen, share = Decoder(CHARSET, EVEN, 1e-9, 0.0).search(frames, 0, len(output))
    assert every[text(seen)] == pytest.approx(max(every.values()), rel=1e-3)
    assert share == pytest.approx(every[text(seen)], rel=1e-3)


@pytest.mark.parametrize(("model", "expected"), [(EVEN, "ac"), (WORDS, "ab")])
def test_the_language_settles_what_looks_alike(model, expected):
    frames = frames_of({"a": 0.95}, {}, {"c": 0.5, "b": 0.4}, {})
    seen, _ = decoder(model).search(frames, 0, 4)
    assert text(seen) == expected


def test_a_bonus_keeps_characters_that_the_language_finds_costly():
    frames = frames_of({"a": 0.99}, {}, {"b": 0.5}, {})
    assert text(decoder(bonus=FAIR - 0.5).search(frames, 0, 4)[0]) == "a"
    assert text(decoder(bonus=FAIR + 0.5).search(frames, 0, 4)[0]) == "ab"


def test_letters_that_repeat_need_a_blank_between_them():
    assert text(decoder(bonus=2).search(frames_of({"a": 0.9}, {"a": 0.9}), 0, 2)[0]) == "a"
    assert text(decoder(bonus=2).search(frames_of({"a": 0.9}, {}, {"a": 0.9}), 0, 3)[0]) == "aa"


def test_each_character_stands_where_it_is_likeliest():
    seen, _ = decoder(bonus=2).search(frames_of({"a": 0.3}, {"a": 0.8}, {"a": 0.6}, {}, {"b": 0.7}), 0, 5)
    assert [(item.frame, item.probability) for item in seen] == [(1, pytest.approx(0.8)), (4, pytest.approx(0.7))]


LINE = ({"a": 0.97}, {}, {"c": 0.5, "b": 0.4}, {}, {" ": 0.98}, {"c": 0.95}, {}, {"c": 0.92})
"""`ac cc`, in doubt of its second character."""


def test_words_that_are_sure_are_not_touched():
    frames = frames_of(*LINE)
    before = decode(frames, CHARSET)
    after = decoder(WORDS).correct(frames, before)
    assert "".join(c.text for c in before) == "ac cc"
    assert "".join(c.text for c in after) == "ab cc"
    assert after[2:] == before[2:]
    assert after[0] == before[0]
    corrected = after[1]
    assert (corrected.start, corrected.end) == (2, 3)
    assert 0.5 < corrected.probability < 1


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=5, max_size=5), max_size=12))
def test_whatever_is_read_lies_in_order_within_the_line(rows):
    output = np.array(rows, np.float32).reshape(-1, 5)
    output /= output.sum(axis=1, keepdims=True)
    frames = best_classes(output, "probabilities", 4)
    found = decoder(WORDS).correct(frames, decode(frames, CHARSET))
    assert all(0 <= c.start < c.end <= len(rows) and 0 < c.probability <= 1 for c in found)
    assert all(left.start < right.start for left, right in itertools.pairwise(found))


def test_hundreds_of_doubtful_frames_do_not_vanish():
    frames = frames_of(*[{"a": 0.4, "b": 0.35}, {}] * 400)
    seen, share = decoder().search(frames, 0, 800)
    assert len(seen) > 200
    assert 0 < share <= 1


def test_a_text_that_the_language_finds_ever_less_likely_does_not_vanish():
    """Eight hundred characters at a fifth each are less likely than the least positive number."""
    frames = frames_of(*[{"a": 0.6, "b": 0.4}, {}] * 800)
    seen, share = decoder(bonus=0).search(frames, 0, 1600)
    assert text(seen) == "a" * 800
    assert 0 < share <= 1


def test_a_frame_of_which_every_class_is_unlikely_has_a_likeliest(monkeypatch):
    monkeypatch.setattr(beam, "LEAST", 0.5)  # as if the charset were a hundred times as large
    seen, _ = decoder(bonus=FAIR + 1).search(frames_of({"a": 0.4, "b": 0.35}), 0, 1)
    assert text(seen) == "a"


class Counted(LanguageModel):
    """Counts the questions."""

    def __init__(self, table):
        super().__init__(table)
        self.asked = 0
        answer = self.log_probability

        def log_probability(history, symbol):
            self.asked += 1
            return answer(history, symbol)

        self.log_probability = log_probability


def test_a_word_longer_than_is_sought_stays_as_it_was_read():
    model = Counted(ngrams.table(" abc", {}))
    frames = frames_of(*[{"a": 0.5, "b": 0.4}, {}] * (beam.SEARCHED // 2 + 1))
    before = decode(frames, CHARSET)
    assert decoder(model).correct(frames, before) == before
    assert model.asked == 0


def test_words_are_sought_from_the_left_as_far_as_a_line_is(monkeypatch):
    frames = frames_of(*LINE[:4], LINE[4], *LINE[:4])
    before = decode(frames, CHARSET)
    for frames_sought, expected in ((3, "ac ac"), (4, "ab ac"), (8, "ab ab")):
        monkeypatch.setattr(beam, "SEARCHED", frames_sought)
        assert "".join(c.text for c in decoder(WORDS).correct(frames, before)) == expected


def test_a_frame_that_is_sure_stays_as_it_is():
    frames = frames_of({"a": 0.5, "b": 0.4}, {}, {"c": 0.92, "b": 0.08}, {})
    loves_b = LanguageModel(ngrams.table(" abc", {" a": (0.9, 0.1), "ab": (0.999, 0.01), "b ": (0.9, 0.01)}))
    assert text(decoder(loves_b, weight=9.0).search(frames, 0, 4)[0]) == "ac"


CODES = Charset("abc1@-— ")
DOUBT = {"c": 0.5, "b": 0.4}


def read(*rows: dict[str, float]) -> str:
    """Return the text of a line, settled by a model that knows one word: ab."""
    output = np.zeros((2 * len(rows), 9), np.float32)
    for frame, row in zip(output[::2], rows, strict=True):
        for character, probability in row.items():
            frame[CODES.encode(character)[0]] = probability
    output[:, 0] = 1 - output.sum(axis=1)
    model = LanguageModel(ngrams.table(" abc1@-—", {" a": (0.9, 0.1), "ab": (0.9, 0.01), "b ": (0.9, 0.01)}))
    frames = best_classes(output, "probabilities", 6)
    characters = Decoder(CODES, model, 1.0, math.log(9)).correct(frames, decode(frames, CODES))
    return "".join(c.text for c in characters)


@pytest.mark.parametrize(("beside", "expected"), [("1", "1ac"), ("@", "@ac"), ("-", "-ab"), ("—", "—ac")])
def test_codes_and_addresses_are_left_alone(beside, expected):
    assert read({beside: 0.99}, {"a": 0.99}, DOUBT) == expected


def test_a_digit_that_is_in_doubt_makes_no_code():
    assert read({"a": 0.99}, {"1": 0.5, "b": 0.4}) == "ab"
    assert read({"a": 0.99}, {"1": 0.99}, DOUBT) == "a1c"


def test_a_hyphen_at_the_end_of_a_line_is_kept():
    hyphen = {"-": 0.5, "b": 0.45}
    assert read({"a": 0.99}, DOUBT, hyphen) == "ab-"
    assert read({"a": 0.99}, DOUBT, hyphen, {" ": 0.99}, {"c": 0.99}) != "ab- c"


@pytest.mark.parametrize("doubt", [{"a": 0.5, "b": 0.4}, {"a": 0.5, "b": 0.1, "c": 0.1, " ": 0.1}])
def test_the_language_is_not_asked_about_what_cannot_be_kept(doubt):
    """Beams of which each has a dozen ways to go on, of which few can be among the best."""
    model = Counted(ngrams.table(" abc", {}))
    decoder(model).search(frames_of(*[doubt] * 100), 0, 100)
    assert model.asked < 100 * beam.BEAM


@pytest.mark.parametrize("kind", ["probabilities", "logits"])
def test_the_likeliest_classes_begin_with_the_best_path(kind, rng):
    output = rng.normal(size=(40, 9)).astype(np.float32)
    if kind == "probabilities":
        output = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
        output[3] = np.eye(9)[5]
    best, several = best_path(output, kind), best_classes(output, kind, 4)
    assert np.array_equal(several.path, best.path)
    assert np.allclose(several.probabilities[:, 0], best.probabilities[:, 0])
    assert (np.diff(several.probabilities, axis=1) <= 0).all()
    exact = output if kind == "probabilities" else np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    assert np.allclose(several.probabilities[0], np.sort(exact[0])[::-1][:4], atol=1e-6)
    if kind == "probabilities":
        assert several.probabilities[3].tolist() == [1, 0, 0, 0]
