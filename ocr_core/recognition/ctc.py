"""CTC outputs reduced to their likeliest classes, and greedy decoding with the place of every character.

Letters: T frames of a line, C classes of the charset (0 is the blank), K classes kept of each frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ocr_core.charset import BLANK, Charset

MAJORITY = 0.5
"""No other class of a frame can be as probable as one above this."""
SETTLED = 0.9
"""The classes after one as probable as this are not looked for: a language model makes more errors of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The likeliest classes of every frame of a line, the likeliest first: both T×K, with K = 1 for the best path.

    After a class as probable as `SETTLED` come blanks of probability 0.
    """

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def path(self) -> NDArray[np.int64]:
        """The class of each frame (length T) on the best path."""
        best: NDArray[np.int64] = self.classes[:, 0]
        return best


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
        return Frames(classes[:, None], (1.0 / np.exp(output - best[:, None]).sum(axis=1))[:, None].astype(np.float32))
    classes = np.full(len(output), BLANK, np.int64)
    # A blank that is likelier than all else together needs no search among 18,000 classes, and most frames are blanks.
    others = np.flatnonzero(output[:, BLANK] <= MAJORITY)
    classes[others] = output[others].argmax(axis=1)
    return Frames(classes[:, None], output[np.arange(len(output)), classes][:, None].astype(np.float32))


def best_classes(output: NDArray[np.float32], kind: Literal["probabilities", "logits"], count: int) -> Frames:
    """Reduce the T×C output for one line to the `count` likeliest classes of each frame."""
    best = best_path(output, kind)
    classes = np.full((len(output), count), BLANK, np.int64)
    probabilities = np.zeros((len(output), count), np.float32)
    classes[:, :1], probabilities[:, :1] = best.classes, best.probabilities
    open_frames = np.flatnonzero(best.probabilities[:, 0] < SETTLED)
    rows = output[open_frames]
    if kind == "logits":
        rows = np.exp(rows - rows.max(axis=1, keepdims=True))
        rows /= rows.sum(axis=1, keepdims=True)
    count = min(count, rows.shape[1])
    found = np.argpartition(rows, -count, axis=1)[:, -count:]
    likely = np.take_along_axis(rows, found, axis=1)
    order = np.argsort(-likely, axis=1, kind="stable")
    classes[open_frames, :count] = np.take_along_axis(found, order, axis=1)
    probabilities[open_frames, :count] = np.take_along_axis(likely, order, axis=1)
    return Frames(classes, probabilities)


def decode(frames: Frames, charset: Charset) -> tuple[Character, ...]:
    """Collapse repeats, then drop blanks (Graves et al. 2006). A character's probability is that of its first frame."""
    classes = frames.path
    if not len(classes):
        return ()
    starts = np.flatnonzero(np.concatenate(([True], classes[1:] != classes[:-1])))
    ends = np.append(starts[1:], len(classes))
    return tuple(
        Character(charset.text(int(classes[start])), float(frames.probabilities[start, 0]), int(start), int(end))
        for start, end in zip(starts, ends, strict=True)
        if classes[start] != BLANK
    )
