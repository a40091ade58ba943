"""The network stages of one loaded model, as the scheduler computes them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ocr_core.backends.base import Policy
from ocr_core.detection.resize import search_size
from ocr_core.errors import BackendError
from ocr_core.pipeline.runner import Networks
from ocr_core.recognition.recognizer import Recognizer
from service.engine.batching.costs import Costs
from service.engine.batching.queue import Kind, Stage
from service.engine.ticket import Clock

TIMES = 3
"""A network is timed so often, and the least time counts: what else a machine does while it starts only adds to it."""
WORTH = 1.05
"""A larger batch must save this much a piece, else the smaller one, which makes nobody wait, is preferred."""


class Stages:
    """Computes batches with the networks of one model.

    The inputs of `det` and `cls` are tensors 1×C×H×W, those of `rec` and `rec2` are lines height×w×3; each gives one
    result.

    Args:
        networks: what computes.
        sizes: batch sizes of each stage, ascending.
        costs: what they cost.
    """

    def __init__(self, networks: Networks, sizes: dict[Stage, tuple[int, ...]], costs: Costs) -> None:
        self.networks = networks
        self.sizes = sizes
        self.costs = costs

    def kind(self, stage: Stage, height: int, width: int) -> Kind:
        """Return the kind of an input of `height`×`width` pixels, padding included."""
        return Kind(stage, self, height, width, self.sizes[stage])

    def compute(self, stage: Stage, inputs: Sequence[Any]) -> list[Any]:
        """Compute one batch of inputs of the same kind and return a result for each. Blocks."""
        return _compute(self.networks, stage, inputs)

    def expected_cost(self, width: int, height: int, *, detect: bool) -> float:
        """Return what an image of `width`×`height` pixels will cost, as far as its size tells."""
        if detect:
            return self.costs.of_page(math.prod(search_size(width, height, self.networks.detector.spec)))
        recognizer = self.networks.recognizer
        line = max(recognizer.widths[0], width * recognizer.spec.height / height)
        return self.costs.of_lines(round(line * recognizer.spec.height))


def measured(networks: Networks, policy: Policy, *, max_pixels: int, clock: Clock = time.perf_counter) -> Stages:
    """Time the networks in batches of growing size, as far as policy and `max_pixels` allow, and keep what pays.

    On a CPU that is a few runs of each network; where batches pay, every batch of lines has been run once afterwards.
    """
    sizes: dict[Stage, tuple[int, ...]] = {}
    seconds_a_pixel: dict[Stage, float] = {}
    ladder = [2**i for i in range(policy.max_batch.bit_length())]
    for stage, sample, pixels in _samples(networks):
        tried = [size for size in ladder if size == 1 or size * pixels <= max_pixels]
        seconds = {size: _time(networks, stage, [sample] * size, clock) / size for size in tried}
        chosen = min(size for size in tried if seconds[size] <= WORTH * min(seconds.values()))
        sizes[stage] = tuple(size for size in tried if size <= chosen)
        seconds_a_pixel[stage] = seconds[chosen] / pixels
    for stage, recognizer in _readers(networks):
        height = recognizer.spec.height
        for width in recognizer.widths:
            for size in sizes[stage][1:]:
                if size * height * width <= max_pixels:
                    _compute(networks, stage, [_blank(height, width)] * size)
    return Stages(networks, sizes, Costs(seconds_a_pixel))


def _compute(networks: Networks, stage: Stage, inputs: Sequence[Any]) -> list[Any]:
    if stage in ("rec", "rec2"):
        return list(networks.reader(second=stage == "rec2").read(inputs))
    part = networks.detector if stage == "det" else networks.classifier
    if part is None:
        raise BackendError("the bundle has no direction classifier")
    output = part.network(inputs[0] if len(inputs) == 1 else np.concatenate(inputs))
    return [output[i : i + 1] for i in range(len(inputs))]


def _samples(networks: Networks) -> list[tuple[Stage, Any, int]]:
    """Return an input of a usual size for each stage, and its pixels."""
    side = networks.detector.spec.resize.max_side
    page = networks.detector.prepare(_blank(side, side // 2))
    samples: list[tuple[Stage, Any, int]] = [("det", page, page.shape[2] * page.shape[3])]
    for stage, recognizer in _readers(networks):
        width = recognizer.widths[len(recognizer.widths) // 2]
        samples.append((stage, _blank(recognizer.spec.height, width), recognizer.spec.height * width))
    if (classifier := networks.classifier) is not None:
        spec = classifier.spec
        line = classifier.prepare([_blank(spec.height, spec.width)])
        samples.append(("cls", line, spec.height * spec.width))
    return samples


def _readers(networks: Networks) -> Iterator[tuple[Stage, Recognizer]]:
    yield "rec", networks.recognizer
    if networks.second is not None:
        yield "rec2", networks.second


def _time(networks: Networks, stage: Stage, inputs: Sequence[Any], clock: Clock) -> float:
    _compute(networks, stage, inputs)  # a first time in a shape takes longer
    seconds = []
    for _ in range(TIMES):
        start = clock()
        _compute(networks, stage, inputs)
        seconds.append(clock() - start)
    return min(seconds)


def _blank(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((height, width, 3), 255, np.uint8)
