"""What is written on receipts, forms, tables, documents and signs, by the grammar in `phrases.txt`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from trainer.render.corpus import Corpus
from trainer.render.draws import Weighted, between, chance, pick, whole

Rng = np.random.Generator
Part = Callable[[Rng], str]

GRAMMAR = Path(__file__).with_name("phrases.txt")
LEADERS = ("_", ".", ".", "*", "-", "=", ". ", "- ", "#", "~", "•")
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CASES: Mapping[str, Callable[[str], str]] = {"upper": str.upper, "title": str.title, "lower": str.lower}


class Phrases:
    """Draws text of a named kind in the corpus' characters."""

    def __init__(self, corpus: Corpus, grammar: Path = GRAMMAR) -> None:
        self.corpus = corpus
        self._words: dict[str, Part] = {"word": corpus.word, "spoken": corpus.spoken, "accented": corpus.accented}
        self._built_in: dict[str, Callable[..., str]] = {
            "text": lambda rng, low, high: corpus.text(rng, whole(rng, low, high)),
            "noise": lambda rng, low, high: corpus.noise(rng, whole(rng, low, high)),
            "digits": partial(_string, "0123456789"),
            "letters": partial(_string, _CAPITALS),
            "codes": partial(_string, _CAPITALS + "0123456789"),
            "int": lambda rng, low, high: str(whole(rng, low, high)),
            "pad": lambda rng, low, high: f"{whole(rng, low, high):02d}",
            "big": lambda rng, low, high: str(_big(rng, low, high)),
            "commas": lambda rng, low, high: f"{_big(rng, low, high):,}",
            "dots": lambda rng, low, high: f"{_big(rng, low, high):,}".replace(",", "."),
            "row": lambda rng, low, high: (pick(rng, LEADERS) * whole(rng, low, high)).strip(),
        }
        self._kinds = {name: self._alternatives(lines) for name, lines in _sections(grammar).items()}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that the grammar defines."""
        return tuple(self._kinds)

    def draw(self, rng: Rng, kinds: Weighted[str]) -> str:
        """Text of a drawn kind with characters outside the set left out; noise where nothing remains of it."""
        text = self.corpus.clean(self._expand(kinds.draw(rng), rng))
        return text or self.corpus.noise(rng, whole(rng, 1, 8))

    def _expand(self, kind: str, rng: Rng) -> str:
        return "".join([part if isinstance(part, str) else part(rng) for part in self._kinds[kind].draw(rng)])

    def _alternatives(self, lines: list[tuple[float, str]]) -> Weighted[tuple[str | Part, ...]]:
        weights: dict[tuple[str | Part, ...], float] = {}
        for weight, line in lines:
            pieces = re.split(r"<([a-z_:0-9-]+)>", line)
            parts = tuple(self._part(piece) if odd % 2 else piece for odd, piece in enumerate(pieces) if piece)
            weights[parts] = weights.get(parts, 0) + weight
        return Weighted(weights)

    def _part(self, reference: str) -> Part:
        """The generator that `<reference>` stands for."""
        name, _, rest = reference.partition(":")
        if name in _CASES or name == "cased":
            return partial(_cased, _CASES.get(name), self._part(rest))
        if name in self._words:
            return self._words[name]
        if name in self._built_in:
            low, high = map(int, rest.split("-"))
            return partial(self._built_in[name], low=low, high=high)
        return partial(self._expand, name)


def _sections(path: Path) -> dict[str, list[tuple[float, str]]]:
    """The grammar's kinds: (weight, line) of each way to write them."""
    sections: dict[str, list[tuple[float, str]]] = {}
    name, listed = "", False
    for line in path.read_text("utf-8").splitlines():
        header = re.fullmatch(r"\[(\w+)(, )?\]", line)
        if header:
            name, listed = header[1], bool(header[2])
            sections[name] = []
        elif line and not line.startswith("# ") and line != "#":
            entries = re.split(r",(?: |$)", line) if listed else [line]
            sections[name] += [_weight(entry) for entry in entries if entry]
    return sections


def _weight(entry: str) -> tuple[float, str]:
    match = re.match(r"\{(\d+)\} ", entry)
    return (float(match[1]), entry[match.end() :]) if match else (1.0, entry)


def _cased(case: Callable[[str], str] | None, part: Part, rng: Rng) -> str:
    text = part(rng)
    if case is None:
        case = _CASES[pick(rng, ("upper", "upper", "title", "lower"))] if chance(rng, 0.55) else str
    return case(text)


def _string(characters: str, rng: Rng, low: int, high: int) -> str:
    return "".join([pick(rng, characters) for _ in range(whole(rng, low, high))])


def _big(rng: Rng, low: int, high: int) -> int:
    return int(10 ** between(rng, low, high))
