"""Schedules, parameter groups and the moving average, against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.config import OptimizerConfig, ScheduleConfig
from trainer.run.optim import Ema, build_optimizer, learning_rate


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.25), (3, 1.0), (4, 1.0), (54, 0.5), (104, 0.0), (29, 0.853553)],
)
def test_cosine_after_a_warm_up(step, expected):
    schedule = ScheduleConfig(steps=104, warmup=4)
    assert learning_rate(step, 1.0, schedule) == pytest.approx(expected, abs=1e-6)


def test_cosine_ends_at_its_floor():
    assert learning_rate(100, 2.0, ScheduleConfig(steps=100, floor=0.1)) == pytest.approx(0.2)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.5), (1, 1.0), (699, 1.0), (700, 0.1), (799, 0.1)])
def test_piecewise_drops_after_700_of_800_epochs(step, expected):
    schedule = ScheduleConfig(steps=800, kind="piecewise", warmup=2)
    assert learning_rate(step, 1.0, schedule) == pytest.approx(expected)


def test_biases_and_batch_norm_are_not_decayed():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    groups = build_optimizer(module, OptimizerConfig(weight_decay=0.1)).param_groups
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(1, 0.1), (3, 0.0)]


def test_frozen_parameters_are_left_to_themselves():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False))
    assert sum(len(group["params"]) for group in build_optimizer(module, OptimizerConfig()).param_groups) == 2


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_optimisers(name, kind):
    assert type(build_optimizer(nn.Linear(2, 2), OptimizerConfig(name=name))) is kind


def test_the_average_follows_with_a_rising_decay():
    module = nn.BatchNorm1d(1)
    ema = Ema(module, decay=0.5)
    values = []
    for step, value in enumerate((11.0, 11.0, 11.0, 11.0)):
        module.weight.data.fill_(value)
        module.num_batches_tracked.fill_(step)
        ema.update(module, step)
        values.append(float(ema.module.weight))
    # Decays 1/10, 2/11, 3/12, 4/13 from a start of 1.
    assert values == pytest.approx(
        [11 - 10 * d for d in (0.1, 0.1 * 2 / 11, 0.1 * 2 / 11 / 4, 0.1 * 2 / 11 / 4 * 4 / 13)]
    )
    assert int(ema.module.num_batches_tracked) == 3


def test_the_decay_never_passes_its_limit():
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(0.0)
    ema = Ema(module, decay=0.5)
    module.weight.data.fill_(8.0)
    ema.update(module, step=10_000)
    assert float(ema.module.weight) == pytest.approx(4.0)


def test_the_average_is_a_network_of_its_own():
    module = nn.Linear(1, 1)
    ema = Ema(module, 0.9)
    assert not ema.module.training
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert ema.module.weight.data_ptr() != module.weight.data_ptr()
