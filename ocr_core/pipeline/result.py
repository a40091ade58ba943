"""What reading an image gives, and what a caller may choose. All coordinates are pixels of the upright upload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Quad = NDArray[np.float32]
"""4×2 corners (x, y), clockwise from the top left corner of the text as it is read."""

Source = Literal["ocr", "embedded"]
"""Read from pixels, or taken from the text that the file itself carries."""


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
    source: Source = "ocr"
    typed: str = ""
    """Of an embedded line in a font whose letters are all of one width: its text with all spaces between its words."""
    space: float = 0.0
    """How wide a space of `typed` is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The lines of one image in reading order."""

    width: int
    height: int
    rotation: int
    """Degrees clockwise, 0, 90, 180 or 270, that would make the page upright."""
    lines: tuple[Line, ...]
    number: int = 1
    """Page within the file, from 1."""
    source: Source = "ocr"
    """`embedded` where lines come from the file's own text layer; text in its pictures may have been read beside it."""
    dpi: float | None = None
    """Pixels an inch of the page, where the file says so: those of a PDF's page as it was rendered."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time of the stages `det`, `crop`, `cls`, `rec` and `post`."""

    @property
    def text(self) -> str:
        """The lines, one a row."""
        return "\n".join(line.text for line in self.lines)
