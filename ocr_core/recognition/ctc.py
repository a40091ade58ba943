"""Greedy CTC decoding, with the place of every character.

Letters: T frames of a line, C classes of the charset (0 is the blank).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ocr_core.charset import BLANK, Charset

SURE = 0.5
"""No other class of a frame can be as probable as one above this."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The best class of every frame of a line: `classes` and `probabilities` have length T."""

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a reading and the frames [start, end) in which it was seen."""

    text: str
    probability: float
    start: int
    end: int


def best_path(output: NDArray[np.float32], kind: Literal["probabilities", "logits"]) -> Frames:
    """Reduce the T×C output for one line to its best path."""
    if kind == "logits":
        classes = output.argmax(axis=1)
        best = output[np.arange(len(output)), classes]
        return Frames(classes, (1.0 / np.exp(output - best[:, None]).sum(axis=1)).astype(np.float32))
    classes = np.full(len(output), BLANK, np.int64)
    # A blank that is likelier than all else together needs no search among 18,000 classes, and most frames are blanks.
    for frame in np.flatnonzero(output[:, BLANK] <= SURE):
        classes[frame] = output[frame].argmax()
    return Frames(classes, output[np.arange(len(output)), classes].astype(np.float32))


def decode(frames: Frames, charset: Charset) -> tuple[Character, ...]:
    """Collapse repeats, then drop blanks (Graves et al. 2006). A character's probability is that of its first frame."""
    classes = frames.classes
    if not len(classes):
        return ()
    starts = np.flatnonzero(np.concatenate(([True], classes[1:] != classes[:-1])))
    ends = np.append(starts[1:], len(classes))
    return tuple(
        Character(charset.text(int(classes[start])), float(frames.probabilities[start]), int(start), int(end))
        for start, end in zip(starts, ends, strict=True)
        if classes[start] != BLANK
    )
