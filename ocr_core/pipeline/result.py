"""What reading an image gives, and what a caller may choose. All coordinates are pixels of the upright upload."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Quad = NDArray[np.float32]
"""4×2 corners (x, y), clockwise from the top left corner of the text as it is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """Choices of one call. They never change the engine that serves it."""

    detect: bool = True
    """False reads the whole image as one line."""
    min_confidence: float = 0.5
    """Lines below this mean confidence are left out."""
    words: bool = False
    """Give the words of each line with boxes of their own."""
    language: bool = True
    """Settle doubtful words by the bundle's language model, if it has one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A run of characters without white space."""

    text: str
    confidence: float
    quad: Quad


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of text. `confidence` is the mean probability of its characters."""

    text: str
    confidence: float
    quad: Quad
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The lines of one image in reading order."""

    width: int
    height: int
    rotation: int
    """Degrees clockwise, 0, 90, 180 or 270, that would make the page upright."""
    lines: tuple[Line, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time of the stages `det`, `crop`, `cls`, `rec` and `post`."""

    @property
    def text(self) -> str:
        """The lines, one a row."""
        return "\n".join(line.text for line in self.lines)
