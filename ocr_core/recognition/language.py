"""A language model of characters: n-grams with back-off (Katz 1987), kept as a sorted table.

It knows words, not sentences: a history begins at the last space. Letters count without case and all digits as one,
since what is printed on receipts and signs is written in both and nobody can foresee a price.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ocr_core.errors import BundleCorruptError

SPACE: Final = 0
"""Symbol of white space, which begins and ends every word."""
START: Final = bytes([SPACE])
"""The history at the beginning of a line."""
ORDER_LIMIT: Final = 7
STEP: Final = 1 / 16
"""Nats in one unit of the stored scores: a byte then reaches from 1 to 1.2e-7."""
_CACHED = 1 << 12

Kind = TypeVar("Kind", bound=np.generic)


def fold(character: str) -> str:
    """Return the character that stands for `character` in n-grams: lower case, and 0 for every digit."""
    return "0" if character.isdecimal() else character.lower() if len(character.lower()) == 1 else character


def key_of(symbols: bytes) -> int:
    """Return the key of an n-gram: its symbols as the digits of a number, after a 1 that keeps leading spaces."""
    return int.from_bytes(b"\x01" + symbols, "big")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The content of a model file (`.npz`): E n-grams of at most `ORDER_LIMIT` symbols, in ascending order of key."""

    alphabet: str
    """Texts of symbols 0 to S − 1, the space first; symbol S stands for all other characters."""
    keys: NDArray[np.uint64]
    """E: `key_of` every n-gram. All single symbols are there."""
    scores: NDArray[np.uint8]
    """E: −log P(last symbol | those before it), in units of `STEP`."""
    backoffs: NDArray[np.int8]
    """E: −log of the weight of shorter histories after this n-gram, in units of `STEP`."""

    def write(self, path: Path) -> None:
        """Write the file."""
        with path.open("wb") as file:
            np.savez_compressed(
                file, alphabet=np.array(self.alphabet), keys=self.keys, scores=self.scores, backoffs=self.backoffs
            )

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read the file.

        Raises:
            BundleCorruptError: it is no such file, or its parts do not fit each other.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as parts:
                table = cls(
                    str(_part(parts, "alphabet", np.str_)),
                    _part(parts, "keys", np.uint64),
                    _part(parts, "scores", np.uint8),
                    _part(parts, "backoffs", np.int8),
                )
        # Whatever it is: zipfile, zlib and NumPy raise a dozen kinds of errors over files that are damaged.
        except Exception as error:
            raise BundleCorruptError(f"{path}: no language model ({error}). Publish the bundle again.") from error
        if problem := table._problem():
            raise BundleCorruptError(f"{path}: a language model with {problem}. Publish the bundle again.")
        return table

    def _problem(self) -> str | None:
        sizes = {self.keys.shape, self.scores.shape, self.backoffs.shape}
        if len(sizes) != 1 or self.keys.ndim != 1 or self.alphabet[:1] != " " or len(self.alphabet) > 255:
            return "parts that do not fit each other"
        if not (self.keys[1:] > self.keys[:-1]).all():
            return "n-grams out of order"
        singles = [key_of(bytes([symbol])) for symbol in range(len(self.alphabet) + 1)]
        if not np.isin(singles, self.keys).all():
            return "single symbols missing"
        return None


def _part(parts: Mapping[str, NDArray[Any]], name: str, kind: type[Kind]) -> NDArray[Kind]:
    part = parts[name]
    if not np.issubdtype(part.dtype, kind):
        raise ValueError(f"{name} of type {part.dtype}")
    return part.astype(kind, copy=False)


@dataclass(frozen=True, slots=True)
class _NGrams:
    """The columns of a table."""

    keys: array[int]
    scores: bytes
    backoffs: array[int]

    def log_probability(self, history: bytes, symbol: bytes) -> float:
        """Return log P(symbol | history), in nats."""
        units = 0
        while (found := self._find(history + symbol)) is None:
            context = self._find(history)
            units += 0 if context is None else self.backoffs[context]
            history = history[1:]
        return -STEP * (units + self.scores[found])

    def _find(self, symbols: bytes) -> int | None:
        key = key_of(symbols)
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else None


class LanguageModel:
    """Says how likely a character is after others. Immutable but for a cache, hence safe from any thread."""

    def __init__(self, table: Table) -> None:
        self._symbols = {text: bytes([symbol]) for symbol, text in enumerate(table.alphabet)}
        self._unknown = bytes([len(table.alphabet)])
        self._longest = (int(table.keys[-1]).bit_length() - 1) // 8
        # Of Python's own types: searching an array of NumPy by bisection makes an object of it at every step. And no
        # method of this object, which would then hold on to itself: models come and go.
        ngrams = _NGrams(array("Q", table.keys.tobytes()), table.scores.tobytes(), array("b", table.backoffs.tobytes()))
        self.log_probability = lru_cache(_CACHED)(ngrams.log_probability)

    @classmethod
    def load(cls, path: Path) -> LanguageModel:
        """Read a file. Errors are those of `Table.read`."""
        return cls(Table.read(path))

    def symbol(self, character: str) -> bytes:
        """Return the symbol of a character."""
        return START if character.isspace() else self._symbols.get(fold(character), self._unknown)

    def after(self, history: bytes, symbol: bytes) -> bytes:
        """Return the history after one more symbol: of all symbols since the last space those that n-grams reach."""
        return START if symbol == START else (history + symbol)[max(0, len(history) + 2 - self._longest) :]
