"""GhostNet (Han et al. 2020), for the paper's Table 4."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainer.nets.blocks import Activation, ConvBN, SqueezeExcite, init_conv_paddle, make_divisible


class Row(NamedTuple):
    """One ghost bottleneck at scale 1."""

    kernel: int
    expand: int
    channels: int
    se: bool = False
    stride: int = 1


ROWS = (
    Row(3, 16, 16),
    Row(3, 48, 24, stride=2),
    Row(3, 72, 24),
    Row(5, 72, 40, True, stride=2),
    Row(5, 120, 40, True),
    Row(3, 240, 80, stride=2),
    Row(3, 200, 80),
    Row(3, 184, 80),
    Row(3, 184, 80),
    Row(3, 480, 112, True),
    Row(3, 672, 112, True),
    Row(5, 672, 160, True, stride=2),
    Row(5, 960, 160),
    Row(5, 960, 160, True),
    Row(5, 960, 160),
    Row(5, 960, 160, True),
)


class GhostModule(nn.Module):
    """Half of the channels by a 1 x 1 convolution, the other half from those by a cheap depthwise 3 x 3."""

    def __init__(self, in_channels: int, out_channels: int, act: Activation) -> None:
        super().__init__()
        half = out_channels // 2
        self.primary = ConvBN(in_channels, half, act=act)
        self.cheap = ConvBN(half, half, 3, groups=half, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C_out x H x W."""
        primary = self.primary(x)
        return torch.cat([primary, self.cheap(primary)], dim=1)


class GhostBottleneck(nn.Module):
    """Ghost module, depthwise where it strides, squeeze-excite if asked, ghost module, shortcut."""

    def __init__(self, in_channels: int, expand: int, out_channels: int, row: Row) -> None:
        super().__init__()
        self.main = nn.Sequential(GhostModule(in_channels, expand, "relu"))
        self.shortcut = nn.Sequential()
        if row.stride > 1:
            self.main.append(ConvBN(expand, expand, row.kernel, row.stride, groups=expand))
        if row.se:
            self.main.append(SqueezeExcite(expand))
        self.main.append(GhostModule(expand, out_channels, "none"))
        if row.stride > 1 or in_channels != out_channels:
            self.shortcut.append(ConvBN(in_channels, in_channels, row.kernel, row.stride, groups=in_channels))
            self.shortcut.append(ConvBN(in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C_out x H / stride x W / stride."""
        y: Tensor = self.main(x) + self.shortcut(x)
        return y


class GhostNet(nn.Module):
    """N x 3 x 224 x 224 to N x classes logits."""

    def __init__(self, scale: float, classes: int = 1000) -> None:
        super().__init__()
        channels = make_divisible(16 * scale, 4)
        layers: list[nn.Module] = [ConvBN(3, channels, 3, 2, act="relu")]
        for row in ROWS:
            expand, out_channels = (make_divisible(width * scale, 4) for width in (row.expand, row.channels))
            layers.append(GhostBottleneck(channels, expand, out_channels, row))
            channels = out_channels
        last = make_divisible(ROWS[-1].expand * scale, 4)
        self.features = nn.Sequential(*layers, ConvBN(channels, last, act="relu"))
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.expand = ConvBN(last, 1280, act="relu")
        self.dropout = nn.Dropout(0.2)
        self.classify = nn.Linear(1280, classes)
        init_conv_paddle(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits N x classes."""
        x = self.expand(self.mean(self.features(image))).flatten(1)
        logits: Tensor = self.classify(self.dropout(x))
        return logits
