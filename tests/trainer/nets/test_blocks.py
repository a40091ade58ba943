"""The pieces where Paddle and torch differ (facts 11)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from trainer.nets.blocks import (
    ConvBN,
    DepthwiseConv2d,
    DepthwiseSeparable,
    SlopedHardSigmoid,
    init_conv_paddle,
    make_divisible,
)
from trainer.nets.detector import build_detector


@pytest.mark.parametrize(
    ("value", "rounded", "reason"),
    [
        (5.6, 8, "the least"),
        (30.8, 32, "nearest"),
        (33.6, 32, "nearest, below"),
        (84.0, 88, "half way goes up"),
        (11.0, 16, "8 would be less than 90 % of it"),
    ],
)
def test_make_divisible(value, rounded, reason):
    assert make_divisible(value) == rounded, reason


def test_sloped_hard_sigmoid():
    x = torch.tensor([-3.0, -2.5, 0.0, 1.0, 2.5, 4.0])
    torch.testing.assert_close(SlopedHardSigmoid()(x), torch.tensor([0.0, 0.0, 0.5, 0.7, 1.0, 1.0]))


def test_paddle_draws_depthwise_weights_for_the_full_fan_in():
    conv = nn.Conv2d(512, 512, 3, groups=512)
    init_conv_paddle(conv)
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 512)), rel=0.05)


def test_head_starts_as_the_released_one():
    head = build_detector().shrink
    norms = [layer for layer in head.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and (norm.bias == 1e-4).all() for norm in norms)
    deconv = head[1]
    assert deconv.bias.abs().max() <= 1 / math.sqrt(24)
    assert deconv.weight.abs().max() <= math.sqrt(6 / (24 * 4))


def test_batch_norm_is_that_of_paddle():
    norm = ConvBN(4, 4)[1]
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)


def test_residual_adds_the_input_only_where_shapes_allow():
    x = torch.rand(1, 8, 4, 4)
    with_residual, without = DepthwiseSeparable(8, 8, 3, residual=True).eval(), DepthwiseSeparable(8, 8, 3).eval()
    without.load_state_dict(with_residual.state_dict())
    torch.testing.assert_close(with_residual(x), without(x) + x)
    assert not DepthwiseSeparable(8, 8, 3, stride=(2, 1), residual=True).residual
    assert not DepthwiseSeparable(8, 16, 3, residual=True).residual


def test_depthwise_convolutions_stay_fp32_under_autocast_on_a_cpu():
    conv = ConvBN(8, 8, 5, groups=8)[0]
    assert isinstance(conv, DepthwiseConv2d)
    x = torch.rand(1, 8, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x.bfloat16())
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, conv(x.bfloat16().float()))
