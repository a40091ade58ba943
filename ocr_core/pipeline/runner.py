"""Where the networks of one call are computed: here by the threads of an engine, or by a scheduler of many calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from ocr_core.backends.base import Policy, Tensor
from ocr_core.detection.detector import Detector
from ocr_core.errors import BackendError
from ocr_core.preprocess import Pixels
from ocr_core.recognition.classifier import Classifier
from ocr_core.recognition.ctc import Frames
from ocr_core.recognition.recognizer import Recognizer


@dataclass(frozen=True, slots=True)
class Networks:
    """What an engine reads with."""

    detector: Detector
    recognizer: Recognizer
    classifier: Classifier | None
    second: Recognizer | None = None
    """Reads again what the first is in doubt of; none: nothing is read again."""
    below: float = 0.0
    """A line with a character that the first finds less probable than this is in doubt."""

    def reader(self, *, second: bool) -> Recognizer:
        """Return one of the recognizers.

        Raises:
            BackendError: there is no second one.
        """
        if not second:
            return self.recognizer
        if self.second is None:
            raise BackendError("the bundle has no second recognizer")
        return self.second

    def close(self) -> None:
        """Free all of them."""
        for part in (self.detector, self.recognizer, self.classifier, self.second):
            if part is not None:
                part.network.close()


class Runner(Protocol):
    """The network stages, as a call sees them."""

    def detect(self, batch: Tensor) -> Tensor:
        """Return the map (1×1×H×W) of one page (1×C×H×W)."""
        ...

    def recognize(self, pieces: Sequence[Pixels], *, second: bool = False) -> list[Frames]:
        """Return the likeliest classes of each line or window of a line (height×w×3, w at most the widest input).

        `second`: as the second recognizer reads it; only if the bundle has one.
        """
        ...

    def classify(self, batch: Tensor) -> Tensor:
        """Return the direction probabilities (N×2) of lines (N×C×H×W); only if the bundle has a classifier."""
        ...


class LocalRunner:
    """Computes at once, lines side by side on as many threads as the backend has streams."""

    def __init__(self, networks: Networks, policy: Policy, pool: Executor) -> None:
        self._networks = networks
        self._policy = policy
        self._pool = pool

    def detect(self, batch: Tensor) -> Tensor:
        """Return the map (1×1×H×W) of one page (1×C×H×W)."""
        return self._networks.detector.network(batch)

    def recognize(self, pieces: Sequence[Pixels], *, second: bool = False) -> list[Frames]:
        """Return the likeliest classes of each piece, in batches of pieces that share an input width."""
        recognizer = self._networks.reader(second=second)
        batches = self._batches(recognizer, pieces)
        # One stream gains nothing from a second thread but its switching.
        run = map if self._policy.streams == 1 else self._pool.map
        done = run(recognizer.read, [[pieces[i] for i in batch] for batch in batches])
        frames = {i: f for batch, part in zip(batches, done, strict=True) for i, f in zip(batch, part, strict=True)}
        return [frames[i] for i in range(len(pieces))]

    def classify(self, batch: Tensor) -> Tensor:
        """Return the direction probabilities (N×2) of lines (N×C×H×W)."""
        classifier = self._networks.classifier
        if classifier is None:
            raise BackendError("the bundle has no direction classifier")
        return classifier.network(batch)

    def _batches(self, recognizer: Recognizer, pieces: Sequence[Pixels]) -> list[list[int]]:
        """Group the indices of pieces by input width, widest first, so that no long one is left for the end."""
        by_width: dict[int, list[int]] = defaultdict(list)
        for i, piece in enumerate(pieces):
            by_width[recognizer.bucket(piece.shape[1])].append(i)
        size = self._policy.max_batch
        return [
            members[at : at + size]
            for _, members in sorted(by_width.items(), reverse=True)
            for at in range(0, len(members), size)
        ]
