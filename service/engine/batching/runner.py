"""The network stages of one image, as its call sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ocr_core.backends.base import Tensor
from ocr_core.preprocess import Pixels
from ocr_core.recognition.ctc import Frames
from service.engine.batching.queue import Kind, Stage
from service.engine.batching.scheduler import Scheduler
from service.engine.batching.stages import Stages
from service.engine.ticket import Ticket
from service.observe.tracing import span


class ScheduledRunner:
    """An `ocr_core.pipeline.runner.Runner` that leaves the computing to the scheduler and keeps count for one image."""

    def __init__(self, stages: Stages, scheduler: Scheduler, ticket: Ticket) -> None:
        self._stages = stages
        self._scheduler = scheduler
        self._ticket = ticket
        self.waited: dict[str, float] = {}
        """Seconds in each stage for which nothing of this image was being computed."""
        self._pixels: dict[Stage, int] = {}

    def detect(self, batch: Tensor) -> Tensor:
        """Return the map (1×1×H×W) of one page (1×C×H×W)."""
        kind = self._stages.kind("det", *batch.shape[2:])
        (output,) = self._run("det", [(kind, batch)])
        return np.asarray(output, np.float32)

    def recognize(self, pieces: Sequence[Pixels], *, second: bool = False) -> list[Frames]:
        """Return the likeliest classes of each piece (height×w×3)."""
        if not pieces:
            return []
        stage: Stage = "rec2" if second else "rec"
        recognizer = self._stages.networks.reader(second=second)
        widths = [recognizer.bucket(piece.shape[1]) for piece in pieces]
        # The widest first: no long one is left for the end, when other streams have nothing more to do.
        order = sorted(range(len(pieces)), key=lambda i: -widths[i])
        inputs = [(self._stages.kind(stage, recognizer.spec.height, widths[i]), pieces[i]) for i in order]
        frames = dict(zip(order, self._run(stage, inputs), strict=True))
        return [frames[i] for i in range(len(pieces))]

    def classify(self, batch: Tensor) -> Tensor:
        """Return the direction probabilities (N×2) of lines (N×C×H×W)."""
        kind = self._stages.kind("cls", *batch.shape[2:])
        return np.concatenate(self._run("cls", [(kind, batch[i : i + 1]) for i in range(len(batch))]))

    def teach(self) -> None:
        """Let costs be predicted from what this image had in it."""
        if searched := self._pixels.get("det"):
            self._stages.costs.learn_page(searched, self._pixels.get("rec", 0), self._pixels.get("rec2", 0))

    def _run(self, stage: Stage, inputs: Sequence[tuple[Kind, Any]]) -> list[Any]:
        with span(stage):
            results, waited = self._scheduler.run(self._stages, self._ticket, inputs)
        self.waited[stage] = self.waited.get(stage, 0.0) + waited
        pixels = sum(kind.height * kind.width for kind, _ in inputs)
        self._pixels[stage] = self._pixels.get(stage, 0) + pixels
        return results
