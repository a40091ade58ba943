"""What networks cost: measured at the start, and followed while they compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from service_fakes import always_a, bundle, dark, networks_of

from ocr_core.backends.base import Policy
from ocr_core.pipeline.runner import Networks
from ocr_core.specs import DetectorResize
from service.engine.batching.costs import Costs, Pace
from service.engine.batching.queue import Kind
from service.engine.batching.stages import measured


@pytest.mark.parametrize(
    ("setup", "each", "chosen"),
    [(0.0, 1.0, (1,)), (10.0, 1.0, (1, 2, 4, 8, 16, 32, 64)), (1.0, 1.0, (1, 2, 4, 8, 16))],
    ids=["a batch costs what its inputs cost", "starting is dear", "starting costs little"],
)
def test_batches_grow_as_far_as_it_pays(setup: float, each: float, chosen: tuple[int, ...]) -> None:
    now = [0.0]

    def costly(function: Callable) -> Callable:
        def run(batch: np.ndarray) -> np.ndarray:
            now[0] += setup + each * len(batch)
            return function(batch)

        return run

    policy = Policy(streams=1, threads=1, max_batch=64)
    networks = small(networks_of(bundle(), policy, costly(dark), costly(always_a)))
    stages = measured(networks, policy, max_pixels=2 * 10**6, clock=lambda: now[0])
    assert stages.sizes == {"det": chosen, "rec": chosen}
    per_input = (setup + each * chosen[-1]) / chosen[-1]
    assert stages.costs.of(stages.kind("rec", 32, 256)) == pytest.approx(per_input, rel=1.1)
    widths = {shape[0]: shape[3] for shape in networks.recognizer.network.shapes}
    assert set(widths) >= set(chosen)


def test_networks_are_timed_rightly_while_other_work_comes_between() -> None:
    now, runs = [0.0], [0]

    def disturbed(function: Callable) -> Callable:
        def run(batch: np.ndarray) -> np.ndarray:
            runs[0] += 1
            now[0] += 1000.0 if runs[0] % 2 else 1.0
            return function(batch)

        return run

    policy = Policy(streams=1, threads=1, max_batch=1)
    networks = small(networks_of(bundle(), policy, disturbed(dark), disturbed(always_a)))
    stages = measured(networks, policy, max_pixels=10**6, clock=lambda: now[0])
    assert stages.costs.of(stages.kind("rec", 32, networks.recognizer.widths[-1])) < 1000.0


def small(networks: Networks) -> Networks:
    """Return the networks with a detector that is fed no large images."""
    detector = networks.detector
    spec = detector.spec.model_copy(update={"resize": DetectorResize(max_side=64)})
    return replace(networks, detector=replace(detector, spec=spec))


def test_batches_are_not_even_tried_beyond_their_pixels() -> None:
    policy = Policy(streams=1, threads=1, max_batch=64)
    networks = small(networks_of(bundle(), policy))
    stages = measured(networks, policy, max_pixels=2 * 32 * 512, clock=lambda: 0.0)
    assert max(shape[0] for shape in networks.recognizer.network.shapes) == 2
    assert max(shape[0] for shape in networks.detector.network.shapes) == 16
    assert stages.sizes == {"det": (1,), "rec": (1,)}


def test_a_backend_that_wants_no_batches_is_not_asked_for_any() -> None:
    policy = Policy(streams=1, threads=1, max_batch=1)
    networks = networks_of(bundle(), policy)
    assert measured(networks, policy, max_pixels=10**6).sizes == {"det": (1,), "rec": (1,)}
    assert {shape[0] for shape in networks.recognizer.network.shapes} == {1}


def test_costs_follow_what_is_seen() -> None:
    costs = Costs({"det": 1.0, "rec": 1.0, "cls": 1.0})
    kind = Kind("rec", "model", 10, 10)
    for _ in range(200):
        costs.learn(kind, 2, 400.0)
        costs.learn_page(100, 300)
    assert costs.of(kind) == pytest.approx(200.0, rel=0.01)
    assert costs.of_page(100) == pytest.approx(100 + 300 * 2, rel=0.01)
    assert costs.of_lines(50) == pytest.approx(100, rel=0.01)


def test_a_moment_in_which_the_process_stood_still_is_not_taken_for_what_all_costs() -> None:
    costs, pace = Costs({"rec": 1.0}), Pace(1)
    kind = Kind("rec", "model", 10, 10)
    costs.learn(kind, 1, 1e9)
    assert costs.of(kind) < 200
    for step in range(5):
        pace.note(1.0, step, saturated=True)
    pace.note(1.0, 1e9, saturated=True)
    assert pace.value > 0.5


def test_costs_get_to_what_is_seen_however_far_it_is() -> None:
    costs = Costs({"rec": 1.0})
    kind = Kind("rec", "model", 10, 10)
    for _ in range(200):
        costs.learn(kind, 1, 1e5)
    assert costs.of(kind) == pytest.approx(1e5, rel=0.01)
