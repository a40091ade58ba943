"""LCNet: the paper's recognition backbone, its faster variant, and the PP-LCNet x1.0 classifier (facts 5.1, 5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from trainer.nets.blocks import ConvBN, DepthwiseSeparable, Size, init_conv_kaiming, line_pool


class Row(NamedTuple):
    """One depthwise separable block."""

    kernel: int
    channels: int
    stride: Size = 1
    se: bool = False


STEM_CHANNELS = 16

PAPER_ROWS = (
    Row(3, 32),
    Row(3, 64),
    Row(3, 64),
    Row(3, 128, (2, 1)),
    Row(3, 128),
    Row(3, 256, (2, 1)),
    *[Row(5, 256)] * 5,
    Row(5, 512, (2, 1), se=True),
    Row(5, 512, se=True),
)
FAST_ROWS = (
    Row(3, 32),
    Row(3, 64),
    Row(3, 64),
    Row(3, 128, (2, 1)),
    Row(3, 128, (1, 2)),
    Row(3, 256, (2, 1)),
    *[Row(3, 256)] * 5,
    Row(3, 384, (2, 1), se=True),
    Row(3, 384, se=True),
)
WIDENED_FROM = 256
"""Channels of the blocks that a wider network multiplies."""
HALVINGS = (1, 3, 5, 11)
"""Blocks that halve an image; on lines the first of them does not, and the others halve the height alone."""
CLASSIFIER_ROWS = tuple(row._replace(stride=2 if at in HALVINGS else 1) for at, row in enumerate(PAPER_ROWS))


def _features(rows: Sequence[Row], in_channels: int = 3, residual: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [ConvBN(in_channels, STEM_CHANNELS, 3, 2, act="hardswish")]
    channels = STEM_CHANNELS
    for row in rows:
        layers.append(DepthwiseSeparable(channels, row.channels, row.kernel, row.stride, row.se, residual))
        channels = row.channels
    return nn.Sequential(*layers)


class LCNetRecognition(nn.Module):
    """MobileNetV1Enhance x0.5: N x 3 x 32 x W to N x 512 x 1 x T, T = floor(ceil(W / 2) / 2) (facts 5.1).

    ``fast`` halves the width in the middle of the network instead of in the last pooling, adds residuals, narrows the
    last two blocks to 384 and makes all kernels 3 x 3 (oneDNN's gradients of 5 x 5 depthwise kernels take five times
    as long): the same T for about half of the time. ``width`` multiplies the channels from the first block of 256 on:
    those before have a quarter of the multiplications and most of the memory traffic.
    """

    def __init__(self, height: int = 32, fast: bool = False, in_channels: int = 3, width: int = 1) -> None:
        super().__init__()
        rows = [
            row._replace(channels=row.channels * (width if row.channels >= WIDENED_FROM else 1))
            for row in (FAST_ROWS if fast else PAPER_ROWS)
        ]
        self.features = _features(rows, in_channels, residual=fast)
        self.pool = line_pool(height, columns=1 if fast else 2)
        self.out_channels = rows[-1].channels
        init_conv_kaiming(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return N x C x 1 x T."""
        x: Tensor = self.pool(self.features(image))
        return x


class LCNetClassifier(nn.Module):
    """PP-LCNet x1.0 of the paper's Table 4: N x 3 x 224 x 224 to N x classes logits (facts 5.5)."""

    def __init__(self, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        self.features = _features(CLASSIFIER_ROWS)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.expand = nn.Conv2d(CLASSIFIER_ROWS[-1].channels, 1280, 1, bias=False)
        self.act = nn.Hardswish()
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(1280, classes)
        init_conv_kaiming(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits N x classes."""
        x = self.act(self.expand(self.pool(self.features(image)))).flatten(1)
        logits: Tensor = self.classify(self.dropout(x))
        return logits
