"""From the characters of a line to its words and their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

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
    """Split a line at white space.

    A word ends halfway between its last character and the space behind it: characters are seen in the frames of their
    middles. The first begins where the line does, and the last ends there.

    Args:
        characters: of the line, in order.
        frames: how many frames the line itself takes, padding left out.
    """
    words = [list(run) for is_space, run in groupby(characters, lambda c: c.text.isspace()) if not is_space]
    if not words:
        return ()
    spaces = [list(run) for is_space, run in groupby(characters, lambda c: c.text.isspace()) if is_space]
    if characters[0].text.isspace():
        del spaces[0]
    lefts, rights = [0.0], []
    for left, space, right in zip(words, spaces, words[1:], strict=False):
        rights.append(min(1.0, (left[-1].end + space[0].start) / 2 / frames))
        lefts.append(min(1.0, (space[-1].end + right[0].start) / 2 / frames))
    rights.append(1.0)
    return tuple(
        Span("".join(c.text for c in word), confidence(word), left, right)
        for word, left, right in zip(words, lefts, rights, strict=True)
    )


def span_quad(quad: Points, span: Span) -> Points:
    """Return the part of a line's quad that a word takes."""
    top = quad[1] - quad[0]
    bottom = quad[2] - quad[3]
    left, right = np.float32(span.left), np.float32(span.right)
    return np.stack([quad[0] + top * left, quad[0] + top * right, quad[3] + bottom * right, quad[3] + bottom * left])
