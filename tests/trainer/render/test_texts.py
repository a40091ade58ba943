from __future__ import annotations

import numpy as np
import pytest

from trainer.render.corpus import Corpus
from trainer.render.domains import BY_NAME, DEFAULT_MIX, DOMAINS
from trainer.render.draws import Weighted, rather_low, sample_rng
from trainer.render.phrases import Phrases


def test_a_sample_depends_on_seed_and_index_alone():
    first = sample_rng(3, 5).random(4)
    sample_rng(3, 4).random(100)
    assert np.array_equal(first, sample_rng(3, 5).random(4))
    assert not np.array_equal(first, sample_rng(3, 6).random(4))
    assert not np.array_equal(first, sample_rng(4, 5).random(4))


def test_weighted_draws_follow_the_weights():
    rng = sample_rng(0, 0)
    draws = Weighted({"a": 3.0, "b": 1.0, "never": 0.0})
    drawn = [draws.draw(rng) for _ in range(4000)]
    assert drawn.count("a") == pytest.approx(3000, abs=120)
    assert "never" not in drawn


def test_rather_low_keeps_to_its_range_and_leans_low():
    rng = sample_rng(0, 1)
    drawn = [rather_low(rng, 10, 20) for _ in range(2000)]
    assert min(drawn) >= 10
    assert max(drawn) < 20
    assert sum(value < 12.5 for value in drawn) == pytest.approx(1000, abs=100)


@pytest.mark.parametrize("characters", ["0123456789", "abcdefghij ", "ABCDEFÄÖÜ .,-"])
def test_every_kind_of_text_keeps_to_the_characters(characters):
    phrases = Phrases(Corpus(frozenset(characters)))
    for number, kind in enumerate(phrases.kinds):
        for index in range(20):
            text = phrases.draw(sample_rng(number, index), Weighted({kind: 1.0}))
            assert text
            assert set(text) <= set(characters), kind


def test_domains_name_kinds_that_the_grammar_has():
    kinds = set(Phrases(Corpus(frozenset("a"))).kinds)
    for domain in DOMAINS:
        assert set(domain.texts) <= kinds, domain.name
    assert set(DEFAULT_MIX) <= set(BY_NAME)


def test_clean_composes_and_folds():
    corpus = Corpus(frozenset("éfia -x"))
    assert corpus.clean("e\u0301 \u2011 \ufb01\u00a0ax?\n") == "é - fi ax"


def test_installed_texts_are_read_by_language(tmp_path):
    words = tmp_path / "dict"
    words.mkdir()
    (words / "german-unused").write_text("nichts")
    (words / "french").write_bytes("\n".join(f"été{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(400)).encode())
    quotes = tmp_path / "games" / "fortunes"
    quotes.mkdir(parents=True)
    (quotes / "wisdom").write_text(
        "A stitch in time saves nine of them.\n%\nShort.\n%\nStill waters run deep, they say.\n"
    )
    corpus = Corpus.installed(frozenset("abcdefghijklmnopqrstuvwxyzéASW .,"), tmp_path)
    rng = sample_rng(1, 1)
    french = [corpus.word(rng, "fr") for _ in range(100)]
    assert sum(word.startswith("été") for word in french) > 85
    texts = {corpus.text(rng, 18, "en") for _ in range(200)}
    assert any(text in "A stitch in time saves nine of them." for text in texts)
    assert all(len(text) <= 40 for text in texts)


def test_spelling_dictionaries_are_read_in_their_own_encoding(tmp_path):
    folder = tmp_path / "hunspell"
    folder.mkdir()
    (folder / "sl_SI.aff").write_text("SET ISO8859-2\n")
    words = [f"ž{a}{b}č/AB" for a in "abcdefghij" for b in "klmnopqrst"] * 8
    (folder / "sl_SI.dic").write_bytes("\n".join([str(len(words)), *words]).encode("iso8859-2"))
    corpus = Corpus.installed(frozenset("abcdefghijklmnopqrstžč "), tmp_path)
    drawn = [corpus.word(sample_rng(0, index), "sl") for index in range(100)]
    assert sum(word[0] == "ž" and word[-1] == "č" and len(word) == 4 for word in drawn) > 85


def test_accented_words_use_every_letter_alike():
    letters = "éŐțß"
    corpus = Corpus(frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + letters))
    drawn = [corpus.accented(sample_rng(0, index)) for index in range(800)]
    for letter in letters:
        assert sum(letter in word for word in drawn) == pytest.approx(200, abs=50)


def test_spoken_words_come_as_often_as_texts_have_them():
    paragraphs = {"en": ["whale, whale (whale) ship whale; ship. whale"] * 40}
    corpus = Corpus(
        frozenset("abcdefghijklmnopqrstuvwxyz ,;()."),
        words={"en": [f"word{'abcdefghij'[n % 10]}" for n in range(60)]},
        paragraphs=paragraphs,
    )
    drawn = [corpus.spoken(sample_rng(3, n)) for n in range(300)]
    assert not [word for word in drawn if set(word) & set(",;().")]
    assert drawn.count("whale") > drawn.count("ship") > 20
