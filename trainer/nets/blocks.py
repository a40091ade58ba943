"""Blocks that the networks share, and Paddle's initialisation (facts 11).

Tensors are images in the order N, C, H, W (batch, channels, height, width); text sequences are N, T, C.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["relu", "relu6", "hardswish", "none"]
Size = int | tuple[int, int]


def activation(name: Activation) -> nn.Module:
    """Return the named activation. ``nn.Hardswish`` exports as the single ONNX operator HardSwish."""
    if name == "relu":
        return nn.ReLU(inplace=True)
    if name == "relu6":
        return nn.ReLU6(inplace=True)
    # Not in place: autograd would copy the input that it needs.
    return nn.Hardswish() if name == "hardswish" else nn.Identity()


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to the nearest multiple of ``divisor`` that keeps at least 90 % of it (MobileNetV2)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class DepthwiseConv2d(nn.Conv2d):
    """Depthwise convolution that CPU autocast leaves in fp32 where bf16 is slow.

    oneDNN's bf16 gradients of strided and of 5 x 5 depthwise kernels take 3 to 30 times as long as those in fp32, and
    ate all that bf16 wins in the pointwise convolutions; those of 3 x 3 kernels at stride 1 take about as long.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C x H / stride x W / stride."""
        plain = self.stride == (1, 1) and self.kernel_size == (3, 3)
        if plain or x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class ConvBN(nn.Sequential):
    """Convolution without bias, padded to keep the size, then batch norm, then the activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Size = 1,
        stride: Size = 1,
        groups: int = 1,
        act: Activation = "none",
    ) -> None:
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = ((rows - 1) // 2, (columns - 1) // 2)
        conv = DepthwiseConv2d if groups == in_channels > 1 else nn.Conv2d
        super().__init__(
            conv(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(out_channels),
            activation(act),
        )


class SlopedHardSigmoid(nn.Module):
    """clip(0.2 x + 0.5, 0, 1): the hard sigmoid of Paddle's MobileNetV3, flatter than ``nn.Hardsigmoid``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x of any shape, squashed to [0, 1]."""
        return (0.2 * x + 0.5).clamp(0.0, 1.0)


class SqueezeExcite(nn.Module):
    """Weigh the channels of N x C x H x W by what their means say (Hu et al. 2018), reduction 4."""

    def __init__(self, channels: int, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.act = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(channels // 4, channels, 1)
        self.gate = nn.Hardsigmoid() if gate is None else gate

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C x H x W, each channel scaled."""
        scale: Tensor = self.gate(self.expand(self.act(self.reduce(self.pool(x)))))
        return x * scale


class DepthwiseSeparable(nn.Module):
    """Depthwise k x k, squeeze-excite if asked, pointwise 1 x 1 (PP-OCRv2, section 2.2, LCNet).

    With ``residual`` the input is added where the shapes allow it; the paper's network has no residuals.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: Size = 1,
        se: bool = False,
        residual: bool = False,
        act: Activation = "hardswish",
    ) -> None:
        super().__init__()
        self.depthwise = ConvBN(in_channels, in_channels, kernel, stride, groups=in_channels, act=act)
        self.se = SqueezeExcite(in_channels) if se else nn.Identity()
        self.pointwise = ConvBN(in_channels, out_channels, act=act)
        self.residual = residual and in_channels == out_channels and stride in (1, (1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C_out x H / stride x W / stride."""
        y: Tensor = self.pointwise(self.se(self.depthwise(x)))
        return x + y if self.residual else y


def line_pool(height: int, columns: int = 2) -> nn.MaxPool2d:
    """Return the pooling that ends a recognition backbone: all rows left of ``height`` / 16, ``columns`` columns."""
    size = (-(-height // 16), columns)
    return nn.MaxPool2d(size, size)


def init_conv_paddle(module: nn.Module) -> None:
    """Draw conv weights from N(0, sqrt(2 / (k^2 C_in))) with the full C_in even where the convolution is grouped.

    Paddle's default. Depthwise layers start much smaller than under torch's default. Biases become zero.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.in_channels * math.prod(layer.kernel_size)
            nn.init.normal_(layer.weight, std=math.sqrt(2.0 / fan_in))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def init_conv_kaiming(module: nn.Module) -> None:
    """Draw conv weights from N(0, sqrt(2 / fan_in)), fan_in of one group; biases become zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def init_linear_uniform(layer: nn.Linear) -> None:
    """Draw weight and bias from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as Paddle's CTC head does."""
    bound = 1.0 / math.sqrt(layer.in_features)
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.uniform_(layer.bias, -bound, bound)
