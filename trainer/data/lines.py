"""Batches of text lines for the recognizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.charset import Charset
from ocr_core.preprocess import Pixels
from trainer.config import RecognizerData
from trainer.data.crops import Crop
from trainer.data.line_augment import augment_line
from trainer.data.mix import Mix
from trainer.data.recut import Patch, recut
from trainer.errors import ConfigError
from trainer.render.draws import sample_rng

Sample = TypeVar("Sample")
Batch = dict[str, NDArray[np.generic]]
LEFT_OUT = "left_out"
"""In one batch of a group: how many samples of the group could not be used."""
UNKNOWN = -1
"""Frame of which no class is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One training line: `pixels` H×W×C uint8 at the network's height, and where its characters stand, if known."""

    pixels: Pixels
    text: str
    centers: NDArray[np.float32] | None = None
    """x of each character's middle, in pixels."""


class Lines(Protocol):
    """Lines by number."""

    @property
    def size(self) -> int | None:
        """How many lines there are; None: endless."""
        ...

    def line(self, index: int, position: int) -> Line:
        """Return line `index` as it looks at `position` of the mix: augmentation is a function of the position."""
        ...


class CropLines:
    """Lines cut from labelled images, augmented."""

    def __init__(self, crops: Sequence[Crop], height: int, grey: bool, augment: float, seed: int) -> None:
        self.crops = crops
        self.height = height
        self.grey = grey
        self.augment = augment
        self.seed = seed

    @property
    def size(self) -> int | None:
        """How many crops there are."""
        return len(self.crops)

    def line(self, index: int, position: int) -> Line:
        """Return crop `index`, augmented and scaled to the network's height."""
        crop = self.crops[index]
        pixels = augment_line(crop.pixels, sample_rng(self.seed, position), self.augment)
        return Line(fit_height(pixels, self.height, self.grey), crop.text)


class RecutLines:
    """Lines cut anew from their photographs each time, then augmented as crops are."""

    def __init__(self, patches: Sequence[Patch], height: int, grey: bool, augment: float, seed: int) -> None:
        self.patches = patches
        self.height = height
        self.grey = grey
        self.augment = augment
        self.seed = seed

    @property
    def size(self) -> int | None:
        """How many lines there are."""
        return len(self.patches)

    def line(self, index: int, position: int) -> Line:
        """Return line `index` as it is cut at `position` of the mix."""
        rng = sample_rng(self.seed, position)
        # At 3/2 of the network's height, so that augmentation has pixels to lose.
        pixels = augment_line(recut(self.patches[index], self.height * 3 // 2, rng), rng, self.augment)
        return Line(fit_height(pixels, self.height, self.grey), self.patches[index].text)


def fit_height(pixels: Pixels, height: int, grey: bool) -> Pixels:
    """Scale an H×W×3 BGR image to `height`, keeping its proportions; H×W×1 if `grey`."""
    width = max(1, int(np.ceil(height * pixels.shape[1] / pixels.shape[0])))
    if pixels.shape[0] != height:
        # As `cut_line` does when it serves: single points suffice until the line is more than twice as high.
        shrunk = pixels.shape[0] >= 2 * height
        how = cv2.INTER_AREA if shrunk else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)[:, :, None] if grey else pixels, np.uint8)


class LineGroups:
    """Group g of the training stream: `group` batches of lines of similar widths, in random order."""

    def __init__(
        self,
        sources: Sequence[Lines],
        weights: Sequence[float],
        data: RecognizerData,
        charset: Charset,
        frames: Callable[[int], int],
        seed: int,
    ) -> None:
        """`frames` gives the number of frames T of an image of so many pixels' width."""
        self.sources = sources
        self.mix = Mix(weights, [source.size for source in sources], seed)
        self.data = data
        self.charset = charset
        self.frames = frames
        self.seed = seed

    def __getitem__(self, number: int) -> list[Batch]:
        """Return the batches of group `number`: always as many, of fewer lines where some cannot be learned.

        Raises:
            ConfigError: not one line of the group can be learned.
        """
        count = self.data.batch * self.data.group
        lines = [self._line(position) for position in range(number * count, (number + 1) * count)]
        kept = sorted((line for line in lines if self._fits(line)), key=lambda line: line.pixels.shape[1])
        data = self.data
        batches = [collate(part, data.widths, self.charset, self.frames) for part in shares(kept, data.group)]
        batches[0][LEFT_OUT] = np.array(count - len(kept))
        order = sample_rng(self.seed, number).permutation(len(batches))
        return [batches[i] for i in order]

    def _line(self, position: int) -> Line:
        source, index = self.mix.locate(position)
        return self.sources[source].line(index, position)

    def _fits(self, line: Line) -> bool:
        width = line.pixels.shape[1]
        if width > self.data.widths[-1] or any(c not in self.charset for c in line.text):
            return False
        return self.frames(padded_width(width, self.data.widths)) >= frames_needed(line.text)


def shares(samples: list[Sample], parts: int) -> list[list[Sample]]:
    """Split samples into `parts` of nearly equal size, none empty: too few samples are repeated.

    Raises:
        ConfigError: there is no sample at all.
    """
    if not samples:
        raise ConfigError("no usable sample among all that were to be trained on next: see `trainer check-data`")
    while len(samples) < parts:
        samples = samples + samples
    edges = np.linspace(0, len(samples), parts + 1).astype(int)
    return [samples[a:b] for a, b in pairwise(edges)]


def frames_needed(text: str) -> int:
    """Return the least T at which CTC can spell `text`: equal neighbours need a blank between them (facts 9)."""
    return max(len(text) + sum(a == b for a, b in pairwise(text)), 1)


def padded_width(width: int, widths: Sequence[int]) -> int:
    """Return the least of `widths` (ascending) that holds `width`; the last where none does."""
    return next((bucket for bucket in widths if bucket >= width), widths[-1])


def collate(lines: Sequence[Line], widths: Sequence[int], charset: Charset, frames: Callable[[int], int]) -> Batch:
    """Pad lines to the least of `widths` that holds them all.

    Returns:
        images N×H×W×C uint8, right-padded with 0; sizes N, the widths before padding; labels N×L class indices padded
        with 0; lengths N; targets N×T, the class at the middle of each character whose place is known, else -1.
    """
    width = padded_width(max(line.pixels.shape[1] for line in lines), widths)
    height, _, channels = lines[0].pixels.shape
    images = np.zeros((len(lines), height, width, channels), np.uint8)
    labels = np.zeros((len(lines), max(len(line.text) for line in lines)), np.int64)
    targets = np.full((len(lines), frames(width)), UNKNOWN, np.int64)
    for row, line in enumerate(lines):
        images[row, :, : line.pixels.shape[1]] = line.pixels
        codes = labels[row, : len(line.text)] = charset.encode(line.text)
        if line.centers is not None:
            at = (line.centers * (targets.shape[1] / width)).astype(int).clip(0, targets.shape[1] - 1)
            targets[row, at] = codes
    return {
        "images": images,
        "sizes": np.array([line.pixels.shape[1] for line in lines], np.int64),
        "labels": labels,
        "lengths": np.array([len(line.text) for line in lines], np.int64),
        "targets": targets,
    }
