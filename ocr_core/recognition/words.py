"""From the characters of a line to its words and their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocr_core.geometry import Points
from ocr_core.recognition.ctc import Character


@dataclass(frozen=True, slots=True)
class Span:
    """A word and the part of its line that it takes, as shares of the line's width: 0 is left, 1 right."""

    text: str
    confidence: float
    left: float
    right: float


def confidence(characters: Sequence[Character]) -> float:
    """Return the mean probability of the characters that are not white space, 0 for none."""
    seen = [c.probability for c in characters if not c.text.isspace()]
    return sum(seen) / len(seen) if seen else 0.0


def split_words(characters: Sequence[Character], frames: float) -> tuple[Span, ...]:
    """Split a line at white space; the words tile the line, cut in the middle of each gap.

    Args:
        characters: of the line, in order.
        frames: how many frames the line itself takes, padding left out.
    """
    words: list[list[Character]] = [[]]
    for character in characters:
        if character.text.isspace():
            words.append([])
        else:
            words[-1].append(character)
    words = [word for word in words if word]
    if not words:
        return ()
    cuts = [0.0]
    for left, right in pairwise(words):
        cuts.append(min(1.0, (left[-1].end + right[0].start) / 2 / frames))
    cuts.append(1.0)
    return tuple(
        Span("".join(c.text for c in word), confidence(word), left, right)
        for word, left, right in zip(words, cuts[:-1], cuts[1:], strict=True)
    )


def span_quad(quad: Points, span: Span) -> Points:
    """Return the part of a line's quad that a word takes."""
    top = quad[1] - quad[0]
    bottom = quad[2] - quad[3]
    left, right = np.float32(span.left), np.float32(span.right)
    return np.stack([quad[0] + top * left, quad[0] + top * right, quad[3] + bottom * right, quad[3] + bottom * left])
