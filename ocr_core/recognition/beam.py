"""CTC prefix beam search with a language model (Graves and Jaitly 2014; Hannun et al. 2014), for words in doubt.

What is sought is the text W of the greatest P(W | frames) · P(W)^weight · e^(bonus · |W|): a language model alone
prefers short texts, which the bonus makes up for. Words that the recognizer is sure of are never touched, so a page
that reads well costs next to nothing.
"""

from __future__ import annotations

import math
import re
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

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

SEARCHED = 512
"""Frames of one line that are sought anew at most: what lies beyond stays as it was read. A search costs more than the
network does for the same frames, and no line that anybody prints is in doubt for so long."""

HYPHEN = "-"
DOUBTED = "_"
"""Stands for a character that is in doubt; neither letter nor digit to the expression below."""
_NO_WORD = re.compile(
    r"""
    @ | :// | [^\W_]\.[^\W_]  # addresses, names of files, initials
    | [“”‘’—–]  # a language model counted in plain texts makes others of them
    | \d.*[^\W\d_] | [^\W\d_].*\d  # codes
    """,
    re.VERBOSE,
)
"""What is no word of any language, of which a language model would make one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A class that a text holds, the frame at which it is likeliest, and how likely there."""

    label: int
    frame: int
    probability: float


Trail: TypeAlias = "tuple[Trail, Seen] | None"
"""What a text holds, the last first. Texts share what they have in common: to go on by one costs the same however long
a text is."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that was tried, without the characters before its last."""

    number: int
    """Its own among all of a search."""
    label: int
    """Its last class; of the empty text the blank."""
    language: float
    """log(P(text)^weight · e^(bonus · length))."""
    history: bytes


@dataclass(slots=True)
class _Beam:
    """A text and the probability of all paths that give it, by whether they end with a blank or its last class.

    Probabilities are relative to a greatest one, and texts weighed by logarithms: products of hundreds of factors
    vanish.
    """

    text: _Text
    trail: Trail
    blank: float = 0.0
    label: float = 0.0

    @property
    def paths(self) -> float:
        return self.blank + self.label

    @property
    def score(self) -> float:
        return _log(self.paths) + self.text.language


Longer: TypeAlias = tuple[float, float, _Beam, Seen]
"""A text by one class longer than that of a beam, before the language model was asked about it: its score if that found
it certain, the probability of its paths, the beam, the class."""
Beams: TypeAlias = dict[int, _Beam]
"""By the numbers of their texts, the best first."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Looks for the likeliest text of a stretch of frames."""

    charset: Charset
    model: LanguageModel
    weight: float
    bonus: float
    _symbols: dict[int, bytes] = field(default_factory=dict)

    def correct(self, frames: Frames, characters: Sequence[Character]) -> tuple[Character, ...]:
        """Return the characters of a line's best path, with its doubtful words sought anew, up to `SEARCHED` frames.

        A character that was put in has the probability of the word that holds it, among the words that were sought.
        """
        corrected: list[Character] = []
        begin, left = 0, SEARCHED
        for word, space in _words(characters):
            end = space.start if space else len(frames.path)
            if end - begin <= left and _is_doubtful(frames, word) and _is_word(word):
                left -= end - begin
                word = self._sought(frames, begin, end, word, last=space is None)
            corrected += word
            if space:
                corrected.append(space)
                begin = space.end
        return tuple(corrected)

    def _sought(self, frames: Frames, begin: int, end: int, word: list[Character], *, last: bool) -> list[Character]:
        """Return a word sought anew; a hyphen that ends the line is kept: what stands before it is no whole word."""
        if last and len(word) > 1 and word[-1].text == HYPHEN:
            *word, hyphen = word
            return [*self._sought(frames, begin, hyphen.start, word, last=False), hyphen]
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
        texts = _Texts(self)
        beams: Beams = {0: _Beam(texts.empty, None, blank=1.0)}
        for frame in range(begin, end):
            tried = list(_tried(frames, frame))
            if len(tried) == 1 and tried[0].label == BLANK:
                for beam in beams.values():
                    beam.blank, beam.label = beam.paths, 0.0
            else:
                beams = _best(*_advance(beams, texts, tried), texts)
        scores = {number: beam.score + self.grade(beam.text.history, START) for number, beam in beams.items()}
        best = max(scores, key=scores.__getitem__)
        return _unrolled(beams[best].trail), 1 / sum(math.exp(score - scores[best]) for score in scores.values())

    def grade(self, history: bytes, symbol: bytes) -> float:
        """Return log(P(symbol | history)^weight)."""
        return 0.0 if symbol == history == START else self.weight * self.model.log_probability(history, symbol)

    def symbol(self, label: int) -> bytes:
        """Return the symbol of a class in the language model."""
        found = self._symbols.get(label)
        if found is None:
            found = self._symbols[label] = self.model.symbol(self.charset.text(label))
        return found


class _Texts:
    """All texts of one search that the language model was asked about, each once."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._longer: dict[tuple[int, int], _Text] = {}
        self.bonus = decoder.bonus
        self.empty = _Text(0, BLANK, 0.0, START)

    def known(self, text: _Text, label: int) -> _Text | None:
        """Return the text by a class longer, if the language model was asked about it before."""
        return self._longer.get((text.number, label))

    def longer(self, text: _Text, label: int) -> _Text:
        """Return the text by a class longer."""
        found = self.known(text, label)
        if found is None:
            symbol = self._decoder.symbol(label)
            language = text.language + self._decoder.grade(text.history, symbol) + self.bonus
            found = _Text(len(self._longer) + 1, label, language, self._decoder.model.after(text.history, symbol))
            self._longer[text.number, label] = found
        return found


def _advance(beams: Beams, texts: _Texts, tried: Sequence[Seen]) -> tuple[Beams, list[Longer]]:
    """Return the texts after one more frame: those there were, and those that would be new.

    A text that is there may be reached from the one before it as well.
    """
    after: Beams = {}
    new = []
    for beam in beams.values():
        for seen in tried:
            if seen.label == BLANK:
                _same(after, beam).blank += beam.paths * seen.probability
                continue
            paths = beam.paths
            if beam.text.label == seen.label:
                _stay(_same(after, beam), seen, beam.label)
                paths = beam.blank  # without a blank between them, two of one class are one
            paths *= seen.probability
            if paths <= 0:
                continue
            longer = texts.known(beam.text, seen.label)
            if longer is not None and longer.number in beams:
                _reached(after, longer, beam, seen).label += paths
            else:
                new.append((math.log(paths) + beam.text.language + texts.bonus, paths, beam, seen))
    return after, new


def _same(after: Beams, beam: _Beam) -> _Beam:
    found = after.get(beam.text.number)
    if found is None:
        found = after[beam.text.number] = _Beam(beam.text, beam.trail)
    return found


def _reached(after: Beams, text: _Text, before: _Beam, seen: Seen) -> _Beam:
    found = after.get(text.number)
    if found is None:
        found = after[text.number] = _Beam(text, (before.trail, seen))
    return found


def _stay(beam: _Beam, seen: Seen, paths: float) -> None:
    beam.label += paths * seen.probability
    if beam.trail is not None and seen.probability > beam.trail[1].probability:
        beam.trail = (beam.trail[0], seen)


def _best(beams: Beams, new: list[Longer], texts: _Texts) -> Beams:
    """Keep the best, with probabilities relative to the greatest.

    The language model is asked about new texts in the order of what they could be at best, until none can be among
    those kept: that spares most of them.
    """
    kept = sorted(((beam.score, beam) for beam in beams.values()), key=_descending)[:BEAM]
    for bound, paths, before, seen in sorted(new, key=_descending):
        if len(kept) == BEAM and bound < kept[-1][0]:
            break
        beam = _Beam(texts.longer(before.text, seen.label), (before.trail, seen), label=paths)
        insort(kept, (beam.score, beam), key=_descending)
        del kept[BEAM:]
    top = max(beam.paths for _, beam in kept) or 1.0
    for _, beam in kept:
        beam.blank /= top
        beam.label /= top
    return {beam.text.number: beam for _, beam in kept}


def _descending(scored: tuple[float, _Beam] | Longer) -> float:
    return -scored[0]


def _tried(frames: Frames, frame: int) -> Iterator[Seen]:
    """Yield the classes of a frame that are tried: the likeliest, however unlikely, and others worth trying."""
    classes, probabilities = frames.classes[frame].tolist(), frames.probabilities[frame].tolist()
    yield Seen(classes[0], frame, probabilities[0])
    for label, probability in zip(classes[1:], probabilities[1:], strict=True):
        if probability < LEAST:
            return
        yield Seen(label, frame, probability)


def _unrolled(trail: Trail) -> tuple[Seen, ...]:
    seen = []
    while trail is not None:
        trail, last = trail
        seen.append(last)
    return tuple(reversed(seen))


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -math.inf


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


def _is_word(characters: Sequence[Character]) -> bool:
    # Of what is in doubt itself nothing follows: the 0 of 0PEN makes no code of it.
    sure = (c.text if c.probability >= SOUGHT_BELOW else DOUBTED for c in characters)
    return _NO_WORD.search("".join(sure)) is None


def _is_doubtful(frames: Frames, word: Sequence[Character]) -> bool:
    return any(frames.probabilities[c.start : c.end, 0].max() < SOUGHT_BELOW for c in word)
