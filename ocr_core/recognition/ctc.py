"""Greedy CTC decoding, with the place of every character.

Letters: T frames of a line, C classes of the charset (0 is the blank).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ocr_core.charset import BLANK, Charset


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
    classes = output.argmax(axis=1)
    best = np.take_along_axis(output, classes[:, None], axis=1)[:, 0]
    if kind == "logits":
        best = 1.0 / np.exp(output - best[:, None]).sum(axis=1)
    return Frames(classes.astype(np.int64), best.astype(np.float32))


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
