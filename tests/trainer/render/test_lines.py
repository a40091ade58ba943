from __future__ import annotations

import numpy as np
import pytest

from trainer.render.corpus import Corpus
from trainer.render.domains import DOMAINS
from trainer.render.draws import sample_rng
from trainer.render.lines import LineRenderer


def test_a_line_is_a_function_of_seed_and_index(fonts, corpus, lines):
    other = LineRenderer(fonts, corpus)
    for index in (7, 3, 11):
        first, second = lines.sample(5, index), other.sample(5, index)
        assert first.text == second.text
        assert np.array_equal(first.image, second.image)
        assert np.array_equal(first.char_spans, second.char_spans)


@pytest.mark.parametrize("domain", [domain.name for domain in DOMAINS])
def test_lines_of_every_domain_are_sound(lines, domain):
    for index in range(40):
        line = lines.render(sample_rng(1, index), domain=domain)
        height, width, channels = line.image.shape
        assert line.image.dtype == np.uint8
        assert channels == 3
        assert 8 <= height <= 64
        assert line.domain == domain
        assert set(line.text) <= lines.phrases.corpus.characters
        assert line.char_spans.shape == (len(line.text), 2)
        assert np.all(line.char_spans >= 0)
        assert np.all(line.char_spans <= width)
        assert np.all(line.char_spans[:, 0] <= line.char_spans[:, 1])


def test_char_spans_follow_the_ink(lines):
    """On a screen, without other lines, the columns between two distant words are empty and the letters' are not."""
    found = 0
    for index in range(40):
        line = lines.render(sample_rng(2, index), text="HHH" + " " * 1 + "MMM", domain="screen")
        grey = line.image.astype(np.float32).mean(axis=2)
        variation = grey.std(axis=0)
        starts, ends = line.char_spans[:, 0], line.char_spans[:, 1]
        letters = np.mean(
            [variation[int(s) : max(int(e), int(s) + 1)].mean() for s, e in zip(starts[:3], ends[:3], strict=True)]
        )
        space = variation[int(starts[3]) + 1 : max(int(ends[3]) - 1, int(starts[3]) + 2)].mean()
        found += letters > 2 * space
    assert found > 28


def test_texts_are_cut_between_words(fonts, corpus):
    short = LineRenderer(fonts, corpus, {"book": 1.0}, max_length=20)
    assert max(len(short.sample(0, index).text) for index in range(60)) <= 20


def test_digits_alone(fonts):
    renderer = LineRenderer(fonts, Corpus(frozenset("0123456789")))
    assert all(renderer.sample(0, index).text.isdigit() for index in range(60))
