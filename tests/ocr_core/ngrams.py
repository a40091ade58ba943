"""Small language models, written down by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ocr_core.recognition.language import STEP, Table, key_of


def table(alphabet: str, ngrams: Mapping[str, tuple[float, float]]) -> Table:
    """Make a table of n-grams with their probabilities and the weights of shorter histories after them.

    `?` stands for characters outside the alphabet. Single characters that are not given are equally likely.
    """
    symbols = {text: number for number, text in enumerate(alphabet)} | {"?": len(alphabet)}
    given = {text: (1 / len(symbols), 1.0) for text in symbols} | dict(ngrams)
    keyed = sorted((key_of(bytes(symbols[c] for c in ngram)), *numbers) for ngram, numbers in given.items())
    return Table(
        alphabet,
        np.array([key for key, _, _ in keyed], np.uint64),
        np.array([round(-math.log(probability) / STEP) for _, probability, _ in keyed], np.uint8),
        np.array([round(-math.log(weight) / STEP) for _, _, weight in keyed], np.int8),
    )
