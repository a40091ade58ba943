"""CTC prefix beam search with a language model (Graves and Jaitly 2014; Hannun et al. 2014), for words in doubt.

What is sought is the text W of the greatest P(W | frames) · P(W)^weight · e^(bonus · |W|): a language model alone
prefers short texts, which the bonus makes up for. Words that the recognizer is sure of are never touched, so a page
that reads well costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ocr_core.charset import BLANK, Charset
from ocr_core.recognition.ctc import Character, Frames
from ocr_core.recognition.language import START, LanguageModel

ALTERNATIVES = 6
"""Classes of a frame that are tried."""
SOUGHT_BELOW = 0.9
"""A word with a character that is nowhere as probable as this is sought anew."""
LEAST = 5e-3
"""Classes less probable than this are not tried."""
BEAM = 8
"""Texts kept after each frame."""

Text = tuple[int, ...]
"""The classes of a text."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A class that a text holds, the frame at which it is likeliest, and how likely there."""

    label: int
    frame: int
    probability: float


@dataclass(slots=True)
class _Beam:
    """A text and the probability of all paths that give it, by whether they end with a blank or its last class."""

    language: float
    """P(text)^weight · e^(bonus · length)."""
    history: bytes
    seen: tuple[Seen, ...]
    blank: float = 0.0
    label: float = 0.0

    @property
    def score(self) -> float:
        return (self.blank + self.label) * self.language


@dataclass(frozen=True, slots=True)
class Decoder:
    """Looks for the likeliest text of a stretch of frames."""

    charset: Charset
    model: LanguageModel
    weight: float
    bonus: float
    _symbols: dict[int, bytes] = field(default_factory=dict)

    def correct(self, frames: Frames, characters: Sequence[Character]) -> tuple[Character, ...]:
        """Return the characters of a line's best path, with its doubtful words sought anew.

        A character that was put in has the probability of the word that holds it, among the words that were sought.
        """
        corrected: list[Character] = []
        begin = 0
        for word, space in _words(characters):
            end = space.start if space else len(frames.path)
            corrected += self._sought(frames, begin, end, word) if _is_doubtful(frames, word) else word
            if space:
                corrected.append(space)
                begin = space.end
        return tuple(corrected)

    def _sought(self, frames: Frames, begin: int, end: int, word: list[Character]) -> list[Character]:
        seen, share = self.search(frames, begin, end)
        texts = [self.charset.text(item.label) for item in seen]
        if texts == [c.text for c in word]:
            return word
        before = {(c.text, frame): c.probability for c in word for frame in range(c.start, c.end)}
        return [
            Character(text, before.get((text, item.frame), share), item.frame, item.frame + 1)
            for text, item in zip(texts, seen, strict=True)
        ]

    def search(self, frames: Frames, begin: int, end: int) -> tuple[tuple[Seen, ...], float]:
        """Return the likeliest text of frames [begin, end), and its share of all that were kept to the end."""
        beams: dict[Text, _Beam] = {(): _Beam(1.0, START, (), blank=1.0)}
        for frame in range(begin, end):
            tried = list(self._tried(frames, frame))
            if len(tried) == 1 and tried[0][0] == BLANK:
                for beam in beams.values():
                    beam.blank, beam.label = beam.blank + beam.label, 0.0
            else:
                beams = self._best(self._advance(beams, frame, tried))
        scores = {text: beam.score * self._grade(beam.history, START) for text, beam in beams.items()}
        best = max(scores, key=scores.__getitem__)
        return beams[best].seen, scores[best] / sum(scores.values())

    def _advance(self, beams: dict[Text, _Beam], frame: int, tried: Sequence[tuple[int, float]]) -> dict[Text, _Beam]:
        after: dict[Text, _Beam] = {}
        for text, beam in beams.items():
            for label, probability in tried:
                if label == BLANK:
                    same = self._same(after, text, beam)
                    same.blank += (beam.blank + beam.label) * probability
                    continue
                paths = beam.blank + beam.label
                if text and text[-1] == label:
                    self._stay(self._same(after, text, beam), frame, probability, beam.label)
                    paths = beam.blank  # without a blank between them, two of one class are one
                if paths > 0:
                    self._longer(after, text, beam, Seen(label, frame, probability)).label += paths * probability
        return after

    @staticmethod
    def _same(after: dict[Text, _Beam], text: Text, beam: _Beam) -> _Beam:
        found = after.get(text)
        if found is None:
            found = after[text] = _Beam(beam.language, beam.history, beam.seen)
        return found

    @staticmethod
    def _stay(beam: _Beam, frame: int, probability: float, paths: float) -> None:
        beam.label += paths * probability
        if probability > beam.seen[-1].probability:
            beam.seen = (*beam.seen[:-1], Seen(beam.seen[-1].label, frame, probability))

    def _longer(self, after: dict[Text, _Beam], text: Text, beam: _Beam, seen: Seen) -> _Beam:
        longer = (*text, seen.label)
        found = after.get(longer)
        if found is None:
            symbol = self._symbol(seen.label)
            grade = self._grade(beam.history, symbol) * math.exp(self.bonus)
            history = self.model.after(beam.history, symbol)
            found = after[longer] = _Beam(beam.language * grade, history, (*beam.seen, seen))
        return found

    def _symbol(self, label: int) -> bytes:
        found = self._symbols.get(label)
        if found is None:
            found = self._symbols[label] = self.model.symbol(self.charset.text(label))
        return found

    def _grade(self, history: bytes, symbol: bytes) -> float:
        if symbol == history == START:
            return 1.0
        return math.exp(self.weight * self.model.log_probability(history, symbol))

    @staticmethod
    def _best(beams: dict[Text, _Beam]) -> dict[Text, _Beam]:
        """Keep the best, with probabilities relative to the greatest, lest products of many vanish."""
        kept = sorted(beams.items(), key=lambda item: -item[1].score)[:BEAM]
        top = max(beam.blank + beam.label for _, beam in kept) or 1.0
        for _, beam in kept:
            beam.blank /= top
            beam.label /= top
        return dict(kept)

    @staticmethod
    def _tried(frames: Frames, frame: int) -> Iterator[tuple[int, float]]:
        for label, probability in zip(
            frames.classes[frame].tolist(), frames.probabilities[frame].tolist(), strict=True
        ):
            if probability < LEAST:
                return
            yield label, probability


def _words(characters: Sequence[Character]) -> Iterator[tuple[list[Character], Character | None]]:
    """Yield the words of a line, each with the space after it."""
    word: list[Character] = []
    for character in characters:
        if character.text.isspace():
            yield word, character
            word = []
        else:
            word.append(character)
    yield word, None


def _is_doubtful(frames: Frames, word: Sequence[Character]) -> bool:
    return any(frames.probabilities[c.start : c.end, 0].max() < SOUGHT_BELOW for c in word)
