"""MobileNetV3 in the forms that PP-OCR uses: detector, recognizer, direction and image classifier (facts 1.1, 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from trainer.nets.blocks import (
    Activation,
    ConvBN,
    Size,
    SlopedHardSigmoid,
    SqueezeExcite,
    activation,
    init_conv_paddle,
    line_pool,
    make_divisible,
)


class Row(NamedTuple):
    """One inverted residual at scale 1."""

    kernel: int
    expand: int
    channels: int
    se: bool
    act: Activation
    stride: Size


LARGE = (
    Row(3, 16, 16, False, "relu", 1),
    Row(3, 64, 24, False, "relu", 2),
    Row(3, 72, 24, False, "relu", 1),
    Row(5, 72, 40, True, "relu", 2),
    Row(5, 120, 40, True, "relu", 1),
    Row(5, 120, 40, True, "relu", 1),
    Row(3, 240, 80, False, "hardswish", 2),
    Row(3, 200, 80, False, "hardswish", 1),
    Row(3, 184, 80, False, "hardswish", 1),
    Row(3, 184, 80, False, "hardswish", 1),
    Row(3, 480, 112, True, "hardswish", 1),
    Row(3, 672, 112, True, "hardswish", 1),
    Row(5, 672, 160, True, "hardswish", 2),
    Row(5, 960, 160, True, "hardswish", 1),
    Row(5, 960, 160, True, "hardswish", 1),
)
SMALL = (
    Row(3, 16, 16, True, "relu", 2),
    Row(3, 72, 24, False, "relu", 2),
    Row(3, 88, 24, False, "relu", 1),
    Row(5, 96, 40, True, "hardswish", 2),
    Row(5, 240, 40, True, "hardswish", 1),
    Row(5, 240, 40, True, "hardswish", 1),
    Row(5, 120, 48, True, "hardswish", 1),
    Row(5, 144, 48, True, "hardswish", 1),
    Row(5, 288, 96, True, "hardswish", 2),
    Row(5, 576, 96, True, "hardswish", 1),
    Row(5, 576, 96, True, "hardswish", 1),
)

SMALL_LINE = tuple(row._replace(stride=(2, 1) if row.stride == 2 else 1) for row in SMALL)
"""For text lines: every halving after the stem halves the height alone."""


class InvertedResidual(nn.Module):
    """Expand 1 x 1, depthwise k x k, squeeze-excite if asked, project 1 x 1; the input is added if shapes allow."""

    def __init__(self, in_channels: int, expand: int, row: Row, out_channels: int) -> None:
        super().__init__()
        self.expand = ConvBN(in_channels, expand, act=row.act)
        self.depthwise = ConvBN(expand, expand, row.kernel, row.stride, groups=expand, act=row.act)
        self.se = SqueezeExcite(expand, SlopedHardSigmoid()) if row.se else nn.Identity()
        self.project = ConvBN(expand, out_channels)
        self.residual = row.stride in (1, (1, 1)) and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C_out x H / stride x W / stride."""
        y: Tensor = self.project(self.se(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


class MobileNetV3(nn.Module):
    """Stem, inverted residuals of ``rows`` at ``scale``, last 1 x 1 convolution: N x 3 x H x W to N x C x h x w."""

    def __init__(self, rows: Sequence[Row], scale: float, last: int, in_channels: int = 3) -> None:
        super().__init__()
        channels = make_divisible(16 * scale)
        self.stem = ConvBN(in_channels, channels, 3, 2, act="hardswish")
        self.blocks = nn.ModuleList()
        for row in rows:
            out_channels = make_divisible(row.channels * scale)
            self.blocks.append(InvertedResidual(channels, make_divisible(row.expand * scale), row, out_channels))
            channels = out_channels
        self.out_channels = make_divisible(last * scale)
        self.last = ConvBN(channels, self.out_channels, act="hardswish")
        init_conv_paddle(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return the last feature map."""
        x = self.stem(image)
        for block in self.blocks:
            x = block(x)
        features: Tensor = self.last(x)
        return features


class MobileNetV3Pyramid(MobileNetV3):
    """The detector's backbone: MobileNetV3-large without squeeze-excite, maps at 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, scale: float = 0.5) -> None:
        rows = [row._replace(se=False) for row in LARGE]
        super().__init__(rows, scale, last=960)
        halvings = [index for index, row in enumerate(rows) if row.stride == 2]
        self.taps = frozenset(halvings[1:])
        self.channels = [make_divisible(rows[index - 1].channels * scale) for index in halvings[1:]]
        self.channels.append(self.out_channels)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Return the maps C2 to C5, each taken before the block that halves it."""
        maps = []
        x = self.stem(image)
        for index, block in enumerate(self.blocks):
            if index in self.taps:
                maps.append(x)
            x = block(x)
        return [*maps, self.last(x)]


class MobileNetV3Recognition(MobileNetV3):
    """The PP-OCR mobile recognizer's backbone: N x 3 x 32 x W to N x 288 x 1 x W / 4 at scale 0.5."""

    def __init__(self, height: int = 32, scale: float = 0.5, in_channels: int = 3) -> None:
        rows = [SMALL_LINE[0]._replace(stride=1), *SMALL_LINE[1:]]
        super().__init__(rows, scale, 576, in_channels)
        self.pool = line_pool(height)

    def forward(self, image: Tensor) -> Tensor:
        """Return N x C x 1 x T."""
        x: Tensor = self.pool(super().forward(image))
        return x


class DirectionClassifier(nn.Module):
    """Upright or upside down: N x 3 x 48 x 192 crops to N x 2 logits for 0 and 180 degrees (facts 4.4)."""

    def __init__(self, classes: int = 2, scale: float = 0.35) -> None:
        super().__init__()
        self.backbone = MobileNetV3(SMALL_LINE, scale, last=576)
        self.pool = nn.MaxPool2d(2, 2)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(self.backbone.out_channels, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits N x classes."""
        logits: Tensor = self.classify(self.mean(self.pool(self.backbone(image))).flatten(1))
        return logits


class MobileNetV3Classifier(nn.Module):
    """MobileNetV3 of the paper's Table 4: N x 3 x 224 x 224 to N x classes logits."""

    def __init__(self, rows: Sequence[Row], scale: float, last: int, classes: int = 1000) -> None:
        super().__init__()
        self.backbone = MobileNetV3(rows, scale, last)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.expand = nn.Conv2d(self.backbone.out_channels, 1280, 1, bias=False)
        self.act = activation("hardswish")
        self.dropout = nn.Dropout(0.2)
        self.classify = nn.Linear(1280, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits N x classes."""
        x = self.act(self.expand(self.mean(self.backbone(image)))).flatten(1)
        logits: Tensor = self.classify(self.dropout(x))
        return logits
