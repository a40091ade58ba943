"""`trainer language`: a language model of characters, from the texts that the renderer draws.

Probabilities are those of Witten and Bell (1991): after a history h that was seen n times, before u different symbols,
P(c | h) = (n(h, c) + u · P(c | h′)) / (n + u), where h′ is h without its first symbol. N-grams that say little that
shorter ones do not say are left out, as Seymore and Rosenfeld (1996) do, and back-off weights fill their place.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ocr_core.recognition.language import START, STEP, Table, fold, key_of
from trainer.config import LanguageConfig
from trainer.errors import ConfigError
from trainer.render.corpus import LANGUAGE_WEIGHTS, Corpus
from trainer.render.domains import BY_NAME, DEFAULT_MIX
from trainer.render.draws import Weighted, sample_rng
from trainer.render.phrases import Phrases

Counts = dict[bytes, dict[int, float]]
"""How often each symbol followed a history; the counts are weighted."""

POWER = 0.75
WORDS = 1e6
"""What the weights of all words add up to, which gives `threshold` its meaning."""

log = logging.getLogger(__name__)


def count(words: Mapping[str, float], alphabet: str, order: int) -> Counts:
    """Return the n-grams of weighted words, each between two spaces, up to `order` symbols long."""
    index = {text: symbol for symbol, text in enumerate(alphabet)}
    unknown = len(alphabet)
    counts: Counts = defaultdict(lambda: defaultdict(float))
    for word, weight in words.items():
        symbols = START + bytes(index.get(fold(c), unknown) for c in word) + START
        for end in range(1, len(symbols)):
            for start in range(max(0, end + 1 - order), end + 1):
                counts[symbols[start:end]][symbols[end]] += weight
    return counts


class Estimate:
    """Probabilities from counts, and which of them are worth keeping."""

    def __init__(self, counts: Counts, symbols: int) -> None:
        self._counts = counts
        self._symbols = symbols
        self._mass = {history: (sum(seen.values()), len(seen)) for history, seen in counts.items()}
        self._known: dict[bytes, float] = {}

    def probability(self, history: bytes, symbol: int) -> float:
        """Return P(symbol | history) of Witten and Bell."""
        ngram = history + bytes([symbol])
        known = self._known.get(ngram)
        if known is None:
            shorter = self.probability(history[1:], symbol) if history else 1 / self._symbols
            seen, kinds = self._mass.get(history, (0.0, 0))
            own = self._counts[history].get(symbol, 0.0) if seen else 0.0
            known = (own + kinds * shorter) / (seen + kinds) if seen else shorter
            self._known[ngram] = known
        return known

    def worth(self, history: bytes, symbol: int) -> float:
        """Return how many nats the counted texts lose in all without this n-gram."""
        seen, kinds = self._mass[history]
        shorter = self.probability(history[1:], symbol) * kinds / (seen + kinds)
        return self._counts[history][symbol] * math.log(self.probability(history, symbol) / shorter)

    def kept(self, threshold: float) -> set[bytes]:
        """Return the n-grams worth more than `threshold`, all pairs, and the beginnings of both."""
        kept: set[bytes] = set()
        for history, seen in self._counts.items():
            for symbol in seen:
                if len(history) < 2 or self.worth(history, symbol) > threshold:
                    whole = history + bytes([symbol])
                    kept.update(whole[:length] for length in range(1, len(whole) + 1))
        return kept | {bytes([symbol]) for symbol in range(self._symbols)}

    def table(self, alphabet: str, threshold: float) -> Table:
        """Return the table of the n-grams that are kept."""
        kept = sorted(self.kept(threshold), key=key_of)
        backoffs = self._backoffs(kept)
        scores = [-math.log(self.probability(ngram[:-1], ngram[-1])) / STEP for ngram in kept]
        weights = [-math.log(backoffs.get(ngram, 1.0)) / STEP for ngram in kept]
        return Table(
            alphabet,
            np.array([key_of(ngram) for ngram in kept], np.uint64),
            np.clip(np.rint(scores), 0, 255).astype(np.uint8),
            np.clip(np.rint(weights), -128, 127).astype(np.int8),
        )

    def _backoffs(self, kept: Iterable[bytes]) -> dict[bytes, float]:
        """Return the weight of shorter histories after each history: what it leaves, over what they leave there."""
        own: dict[bytes, float] = defaultdict(float)
        shorter: dict[bytes, float] = defaultdict(float)
        for ngram in kept:
            history, symbol = ngram[:-1], ngram[-1]
            if history:
                own[history] += self.probability(history, symbol)
                shorter[history] += self.probability(history[1:], symbol)
        floor = 1e-4  # of what is left: a history that was seen to go on in one way only still may go on otherwise
        return {history: max(1 - own[history], floor) / max(1 - shorter[history], floor) for history in own}


def train(words: Mapping[str, float], *, order: int, threshold: float) -> Table:
    """Return the model of weighted words; `order` and `threshold` are those of `LanguageConfig`."""
    alphabet = alphabet_of(words)
    estimate = Estimate(count(words, alphabet, order), len(alphabet) + 1)
    return estimate.table(alphabet, threshold)


def alphabet_of(words: Mapping[str, float], limit: int = 250) -> str:
    """Return the space and the folded characters of the words, the most frequent first."""
    seen: dict[str, float] = defaultdict(float)
    for word, weight in words.items():
        for character in word:
            seen[fold(character)] += weight
    return " " + "".join(sorted(seen, key=lambda character: -seen[character])[:limit])


def gather(corpus: Corpus, phrases: Iterable[str], share: float) -> dict[str, float]:
    """Return weighted words: those of the corpus' languages, by the weights of these, and a share of drawn phrases.

    The power makes room for words that are rarer on signs and receipts than in the running text that was counted.
    """
    drawn = Counter(word for phrase in phrases for word in phrase.split())
    parts = [(LANGUAGE_WEIGHTS[language], corpus.vocabulary(language)) for language in LANGUAGE_WEIGHTS]
    whole = sum(weight for weight, words in parts if words)
    parts = [(weight / whole * (1 - share), words) for weight, words in parts if words] + [(share, drawn)]
    gathered: dict[str, float] = defaultdict(float)
    for weight, words in parts:
        powers = {word: seen**POWER for word, seen in words.items()}
        unit = WORDS * weight / sum(powers.values())
        for word, power in powers.items():
            gathered[word] += unit * power
    return gathered


def drawn_phrases(corpus: Corpus, config: LanguageConfig) -> Iterator[str]:
    """Yield what the renderer would write on lines of the configured domains."""
    phrases = Phrases(corpus)
    domains = Weighted(config.mix or DEFAULT_MIX)
    kinds = {name: Weighted(BY_NAME[name].texts) for name in domains.items}
    for index in range(config.phrases):
        rng = sample_rng(config.seed, index)
        yield phrases.draw(rng, kinds[domains.draw(rng)])


def write_language(config: LanguageConfig, path: Path) -> int:
    """Count, estimate and write the model; return how many n-grams it has.

    Raises:
        ConfigError: the mix names a domain that there is not.
    """
    unknown = sorted(set(config.mix) - set(BY_NAME))
    if unknown:
        raise ConfigError(f"mix: no domain {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    characters = frozenset(config.characters)
    corpus = Corpus.installed(characters, word_bytes=config.word_bytes, text_bytes=config.text_bytes)
    words = gather(corpus, drawn_phrases(corpus, config), config.phrases_share)
    log.info("%d different words", len(words))
    table = train(words, order=config.order, threshold=config.threshold)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path)
    return len(table.keys)
