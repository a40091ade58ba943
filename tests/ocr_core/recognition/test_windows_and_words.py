"""Windows, words, and how lines become inputs and readings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.backends import Policy
from ocr_core.recognition.ctc import Character, Frames
from ocr_core.recognition.recognizer import Recognizer
from ocr_core.recognition.windows import join, window_starts
from ocr_core.recognition.words import span_quad, split_words

characters = st.lists(
    st.tuples(st.sampled_from("ab1 \u3000"), st.floats(0, 1), st.integers(0, 3), st.integers(1, 4)), max_size=20
)


def placed(drawn):
    """Return characters, each some frames behind the one before, and where the last ends."""
    line, at = [], 0
    for text, probability, gap, length in drawn:
        line.append(Character(text, probability, at + gap, at + gap + length))
        at += gap + length
    return line, at


@given(characters, st.floats(0.5, 30))
def test_words_follow_each_other_along_their_line(drawn, padding):
    line, end = placed(drawn)
    spans = split_words(line, end + padding)
    assert [span.text for span in spans] == "".join(c.text for c in line).split()
    if spans:
        assert (spans[0].left, spans[-1].right) == (0.0, 1.0)
    assert all(left.right < right.left for left, right in pairwise(spans))
    assert all(span.left < span.right for span in spans)
    assert all(0 <= span.confidence <= 1 for span in spans)


def test_words_seen_in_the_padding_stay_in_the_line():
    line = [Character("a", 1.0, 2, 3), Character(" ", 1.0, 12, 13), Character("b", 1.0, 14, 15)]
    assert [(span.left, span.right) for span in split_words(line, 10)] == [(0.0, 0.75), (1.0, 1.0)]
    assert [(span.left, span.right) for span in split_words(line, 7)] == [(0.0, 1.0), (1.0, 1.0)]


def test_spaces_lie_between_words_with_half_of_what_surrounds_them():
    line = [Character(c, 1.0, 4 * i, 4 * i + 2) for i, c in enumerate(" ab  c ")]
    assert [(span.text, span.left, span.right) for span in split_words(line, 32)] == [
        ("ab", 0.0, 11 / 32),
        ("c", 19 / 32, 1.0),
    ]


def test_each_character_lies_in_its_word():
    line = [Character(c, 0.5, 2 * i, 2 * i + 1) for i, c in enumerate("ab 12")]
    first, second = split_words(line, 10)
    assert first.right * 10 >= line[1].end
    assert second.left * 10 <= line[3].start


@given(characters, st.floats(-400, 400), st.floats(-1, 1))
def test_word_quads_follow_each_other_along_the_quad_of_their_line(drawn, shift, slant):
    line, end = placed(drawn)
    quad = np.array([[0, 0], [300, 300 * slant], [310, 300 * slant + 40], [-5, 38]], np.float32) + np.float32(shift)
    quads = [span_quad(quad, span) for span in split_words(line, end + 1)]
    if quads:
        assert quads[0][[0, 3]] == pytest.approx(quad[[0, 3]], abs=1e-3)
        assert quads[-1][[1, 2]] == pytest.approx(quad[[1, 2]], abs=1e-3)
    along = quad[1] - quad[0]
    for left, right in pairwise(quads):
        assert (right[0] - left[1]) @ along > 0


@given(st.integers(1, 5000), st.integers(2, 400), st.data())
def test_windows_cover_their_line(width, window, data):
    overlap = data.draw(st.integers(0, window // 2))
    starts = window_starts(width, window, overlap)
    assert starts[0] == 0
    assert max(width, window) == starts[-1] + window
    assert all(left + window - right >= overlap for left, right in pairwise(starts))
    if len(starts) > 1:  # no window could be left out
        assert width > (len(starts) - 1) * (window - overlap) + overlap


@given(st.data())
def test_joined_windows_are_the_line(data):
    """Characters cut by the edge of a window are misread there; the other window, which sees all of them, counts."""
    glyphs = data.draw(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=60))
    line = np.array([frame for label, length in glyphs for frame in [label] * length + [0]])
    window, overlap, torn = 24, 12, 2
    starts = window_starts(len(line), window, overlap)
    parts = []
    for i, start in enumerate(starts):
        seen = line[start : start + window].copy()
        seen[: torn if i else 0] = 99
        if i < len(starts) - 1:
            seen[-torn:] = 99
        parts.append(Frames(seen[:, None], seen[:, None].astype(np.float32)))
    joined = join(parts, starts)
    assert joined.path.tolist() == line.tolist()
    assert joined.probabilities[:, 0].tolist() == line.tolist()


def test_windows_that_never_agree_on_a_blank_meet_in_the_middle():
    left, right = (Frames(np.full((10, 1), label), np.ones((10, 1), np.float32)) for label in (1, 2))
    assert join([left, right], [0, 6]).path.tolist() == [1] * 8 + [2] * 8


@pytest.fixture
def make_recognizer(recognizer_spec):
    def make(width_step=1, **fields):
        policy = Policy(streams=1, threads=1, max_batch=1, width_step=width_step)
        return Recognizer(lambda batch: batch, recognizer_spec(**fields), policy)

    return make


@pytest.mark.parametrize(("width", "bucket"), [(1, 64), (64, 64), (65, 128), (256, 256), (257, 256), (9999, 256)])
def test_lines_are_padded_to_the_next_width(make_recognizer, width, bucket):
    assert make_recognizer().bucket(width) == bucket


@pytest.mark.parametrize(
    ("step", "kept"), [(1, (32, 64, 96, 128, 160)), (2, (32, 96, 160)), (4, (32, 160)), (9, (160,))]
)
def test_coarser_widths_keep_the_widest(make_recognizer, step, kept):
    assert make_recognizer(step, widths=(32, 64, 96, 128, 160)).widths == kept


def test_inputs_are_normalised_and_padded_with_zeros(make_recognizer):
    lines = [np.full((32, 40, 3), (255, 0, 51), np.uint8), np.full((32, 64, 3), 255, np.uint8)]
    batch = make_recognizer(normalization={"color": "rgb"}).prepare(lines)
    assert batch.shape == (2, 3, 32, 64)
    assert batch[0, :, 5, 5] == pytest.approx([-0.6, -1.0, 1.0], abs=1e-6)
    assert batch[0, :, 5, 39] == pytest.approx([-0.6, -1.0, 1.0], abs=1e-6)
    assert not batch[0, :, :, 40:].any()
    assert (batch[1] == 1).all()


def test_grey_inputs_have_one_channel(make_recognizer):
    grey = {"color": "gray", "mean": (0.0,), "std": (1.0,)}
    batch = make_recognizer(normalization=grey).prepare([np.full((32, 10, 3), 51, np.uint8)])
    assert batch.shape == (1, 1, 32, 64)
    assert batch[0, 0, 0, 0] == pytest.approx(0.2)


@given(st.integers(1, 3000))
def test_windows_of_a_line_are_no_wider_than_the_widest_input(recognizer_spec, width):
    recognizer = Recognizer(lambda batch: batch, recognizer_spec(), Policy(streams=1, threads=1, max_batch=1))
    line = np.arange(width, dtype=np.float32)[None].repeat(32, axis=0)
    pieces = recognizer.windows(line)
    assert len({piece.shape[1] for piece in pieces}) == 1
    assert pieces[0].shape[1] <= 256
    assert pieces[0].shape[1] in recognizer.widths or len(pieces) == 1
    assert set(np.concatenate([piece[0] for piece in pieces])) == set(range(width))


def test_inputs_narrower_than_the_overlap_still_move_on(make_recognizer):
    pieces = make_recognizer(widths=(64,)).windows(np.zeros((32, 200, 3), np.uint8))
    assert [piece.shape[1] for piece in pieces] == [64] * 6


def test_a_reading_spans_the_frames_of_its_line_alone(make_recognizer):
    recognizer = make_recognizer()
    frames = Frames(np.array([0] * 4 + [1] + [0] * 11)[:, None], np.ones((16, 1), np.float32))
    reading = recognizer.decode([frames], 48)  # 48 of 64 pixels, 4 pixels a frame
    assert reading.frames == 12
    assert reading.text == "0"
