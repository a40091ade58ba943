"""The language model that the trainer counts."""

from __future__ import annotations

import math

import pytest

from ocr_core.bundle.store import open_store
from ocr_core.recognition.language import START, LanguageModel
from trainer.commands.cli import main
from trainer.config import PublishConfig
from trainer.errors import EX_CONFIG, ConfigError
from trainer.release import bundling
from trainer.release.publish import publish
from trainer.render.corpus import Corpus
from trainer.teach.language import alphabet_of, gather, train

WORDS = {"total": 9.0, "totem": 1.0, "tote": 2.0, "TOTAL": 1.0, "12.50": 4.0}


def probability(model: LanguageModel, word: str) -> float:
    """P(word and the space after it)."""
    history, log = START, 0.0
    for character in f"{word} ":
        symbol = model.symbol(character)
        log += model.log_probability(history, symbol)
        history = model.after(history, symbol)
    return math.exp(log)


@pytest.fixture(scope="module")
def model():
    return LanguageModel(train(WORDS, order=4, threshold=0.0))


def test_the_alphabet_has_each_folded_character_once():
    assert set(alphabet_of(WORDS)) == set(" totalem0.")
    assert alphabet_of({"aaab": 1.0}, limit=1) == " a"


@pytest.mark.parametrize("word", ["", "t", "tot", "zz", "tota", "e"])
def test_after_every_history_something_follows(model, word):
    """Probabilities add up to one, but for their rounding to sixteenths of a nat."""
    history = START
    for character in word:
        history = model.after(history, model.symbol(character))
    symbols = {model.symbol(character) for character in f"{alphabet_of(WORDS)}z"}
    total = sum(math.exp(model.log_probability(history, symbol)) for symbol in symbols)
    assert total == pytest.approx(1, abs=0.1)


def test_words_that_were_seen_more_often_are_likelier(model):
    assert probability(model, "total") > 2 * probability(model, "tote") > 2 * probability(model, "totem")
    assert probability(model, "Total") == probability(model, "total")
    assert probability(model, "99.99") == probability(model, "12.50")
    assert probability(model, "totel") > probability(model, "xqzjk")


def test_a_first_symbol_after_one_that_is_counted_by_hand():
    # After a space a was seen 3 times and b once: two kinds, and with the unknown there are five symbols in all.
    table = train({"a": 3.0, "b": 1.0}, order=2, threshold=0.0)
    # Alone, 8 symbols were seen (4 spaces), of 3 kinds: (3 + 3/4) / 11 for a.
    alone = (3 + 3 / 4) / (8 + 3)
    model = LanguageModel(table)
    assert len(table.alphabet) + 1 == 4
    assert model.log_probability(START, model.symbol("a")) == pytest.approx(
        math.log((3 + 2 * alone) / (4 + 2)), abs=1 / 32
    )


def test_what_says_little_is_left_out():
    words = {f"{a}{b}{c}": 1.0 for a in "abcd" for b in "abcd" for c in "abcd"} | {"dad": 50.0}
    full, pruned = (train(words, order=4, threshold=threshold) for threshold in (0.0, 10.0))
    assert len(pruned.keys) < len(full.keys) / 2
    likely, unlikely = (probability(LanguageModel(pruned), word) for word in ("dad", "abc"))
    assert likely > 20 * unlikely


def test_languages_and_phrases_get_their_shares():
    texts = {"en": ["the cat sat on the mat"], "de": ["der Hund saß"]}
    corpus = Corpus(frozenset("abcdefghijklmnopqrstuvwxyzHß0123456789 "), {}, texts)
    words = gather(corpus, ["12 34", "12"], 0.25)
    assert words["12"] + words["34"] == pytest.approx(250_000)
    english = sum(words[word] for word in ("the", "cat", "sat", "on", "mat"))
    assert english == pytest.approx(750_000 * 62 / 68)
    assert words["the"] == pytest.approx(2**0.75 * words["cat"])


SMALL = ["--set", "phrases=200", "--set", "text_bytes=20000", "--set", "word_bytes=2000", "--set", "threshold=20"]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "language.toml"
    path.write_text('characters = "abcdefghijklmnopqrstuvwxyz0123456789.,- "\norder = 3\n')
    return path


def test_the_command_writes_a_model_that_a_bundle_can_hold(config, runs, data, monkeypatch):
    assert main(["language", str(config), "--out", str(runs / "words" / "language.npz"), *SMALL]) == 0
    monkeypatch.setattr(bundling, "read_golden", lambda bundle: bundle.manifest.golden.text)
    fields = {
        "name": "tiny",
        "detector": "det/state.safetensors",
        "recognizer": "rec/state.safetensors",
        "validate_on": [{"kind": "labels", "path": "pages", "rows": "all", "limit": 1}],
        "floor": 0.0,
        "language": {"file": "words/language.npz", "weight": 0.25, "bonus": 0.5},
    }
    store = open_store(runs / "store")
    publish(PublishConfig.model_validate(fields), store, data, runs)
    bundle = store.open("tiny")
    language = bundle.manifest.models.recognizer.language
    assert (language.weight, language.bonus) == (0.25, 0.5)
    assert bundle.file(language.model).read_bytes() == (runs / "words" / "language.npz").read_bytes()
    LanguageModel.load(bundle.file(language.model))


def test_a_model_that_was_not_counted_yet_is_named(runs, data):
    fields = {
        "name": "tiny",
        "detector": "det/state.safetensors",
        "recognizer": "rec/state.safetensors",
        "validate_on": [{"kind": "labels", "path": "pages", "rows": "all", "limit": 1}],
        "language": {"file": "absent.npz"},
    }
    with pytest.raises(ConfigError, match=r"absent\.npz; `trainer language` writes it"):
        publish(PublishConfig.model_validate(fields), open_store(runs / "store"), data, runs)


def test_a_domain_that_there_is_not_is_named(config, tmp_path, capsys):
    arguments = ["language", str(config), "--out", str(tmp_path / "x.npz"), "--set", "mix={poster = 1.0}"]
    assert main(arguments) == EX_CONFIG
    assert "no domain poster" in capsys.readouterr().err
