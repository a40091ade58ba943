"""The recognizer: a network, its manifest entry, and the steps before and after.

The width to which a line is padded follows from the line alone, never from its company: its text is the same alone and
in any batch.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocr_core.backends.base import Network, Policy, Tensor
from ocr_core.charset import Charset
from ocr_core.preprocess import Pixels, normalize_into
from ocr_core.recognition.beam import ALTERNATIVES, Decoder
from ocr_core.recognition.ctc import Character, Frames, best_classes, best_path, decode
from ocr_core.recognition.language import LanguageModel
from ocr_core.recognition.windows import join, window_starts
from ocr_core.recognition.words import confidence
from ocr_core.specs import RecognizerSpec

OVERLAP = 4
"""Least overlap of two windows, in heights of the line: room for the widest character and its neighbours."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The characters of a line, and how many frames the line takes."""

    characters: tuple[Character, ...]
    frames: float

    @property
    def text(self) -> str:
        """The text, with runs of white space as one space and none at the ends."""
        return " ".join("".join(c.text for c in self.characters).split())

    @property
    def confidence(self) -> float:
        """Mean probability of the characters that are not white space, 0 for none."""
        return confidence(self.characters)

    @property
    def weakest(self) -> float:
        """Probability of the character that is least sure, white space aside, 0 for none."""
        return min((c.probability for c in self.characters if not c.text.isspace()), default=0.0)


class Recognizer:
    """Reads lines. Holds nothing that a call could change, hence safe from any thread."""

    def __init__(
        self, network: Network, spec: RecognizerSpec, policy: Policy, language: LanguageModel | None = None
    ) -> None:
        self.network = network
        self.spec = spec
        self.charset = Charset(spec.characters)
        self._decoder: Decoder | None = None
        if language is not None and spec.language is not None:
            self._decoder = Decoder(self.charset, language, spec.language.weight, spec.language.bonus)
        # From the widest down, so that the widest stays whatever the step.
        self.widths = spec.widths[:: -policy.width_step][::-1]

    def bucket(self, width: int) -> int:
        """Return the input width that a line of `width` pixels (at the network's height) is padded to."""
        return self.widths[min(bisect.bisect_left(self.widths, width), len(self.widths) - 1)]

    def windows(self, line: Pixels) -> list[Pixels]:
        """Cut a line (height×w×3) into windows no wider than the widest input; mostly it is one."""
        window = self._window(line.shape[1])
        return [line[:, start : start + window] for start in self._starts(line.shape[1])]

    def prepare(self, lines: Sequence[Pixels]) -> Tensor:
        """Return the input N×C×H×W for lines that share a bucket; they are padded on the right with zeros."""
        spec = self.spec
        width = self.bucket(max(line.shape[1] for line in lines))
        tensor = np.zeros((len(lines), spec.normalization.channels, spec.height, width), np.float32)
        for line, row in zip(lines, tensor, strict=True):
            normalize_into(line, spec.normalization, row[:, :, : line.shape[1]])
        return tensor

    def finish(self, output: Tensor) -> list[Frames]:
        """Return the likeliest classes of every row of an output N×T×C."""
        if self._decoder is None:
            return [best_path(row, self.spec.output_kind) for row in output]
        return [best_classes(row, self.spec.output_kind, ALTERNATIVES) for row in output]

    def read(self, lines: Sequence[Pixels]) -> list[Frames]:
        """Return the likeliest classes of each of some lines that share a bucket."""
        return self.network.reduce(self.prepare(lines), self.finish)

    def decode(self, parts: Sequence[Frames], line_width: int, language: bool = True) -> Reading:
        """Join the windows of one line and decode it.

        Args:
            parts: the frames of its windows, in order.
            line_width: of the whole line in pixels at the network's height.
            language: settle doubtful words by the language model, if there is one.
        """
        stride = self._window(line_width) / len(parts[0].classes)
        frames = join(parts, [round(start / stride) for start in self._starts(line_width)])
        characters = decode(frames, self.charset)
        if language and self._decoder is not None:
            characters = self._decoder.correct(frames, characters)
        return Reading(characters, line_width / stride)

    def _window(self, width: int) -> int:
        """Return the input width of each window of a line: the least for as few windows as there can be."""
        widest, overlap = self.widths[-1], self._overlap
        if width <= widest:
            return self.bucket(width)
        count = -(-(width - overlap) // (widest - overlap))
        return self.bucket(-(-(width + (count - 1) * overlap) // count))

    def _starts(self, width: int) -> list[int]:
        return window_starts(width, self._window(width), self._overlap)

    @property
    def _overlap(self) -> int:
        return min(OVERLAP * self.spec.height, self.widths[-1] // 2)
