"""MobileNetV1 (Howard et al. 2017) and V2 (Sandler et al. 2018), for the paper's Table 4."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.nets.blocks import ConvBN, DepthwiseSeparable, init_conv_paddle
from trainer.nets.mobilenet_v3 import InvertedResidual, Row

V1_ROWS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Channels and stride of each block."""
V2_ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and first stride of each stage."""


class MobileNet(nn.Module):
    """Features, mean, one linear layer: N x 3 x 224 x 224 to N x classes logits."""

    def __init__(self, features: nn.Sequential, channels: int, classes: int) -> None:
        super().__init__()
        self.features = features
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(channels, classes)
        init_conv_paddle(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits N x classes."""
        logits: Tensor = self.classify(self.mean(self.features(image)).flatten(1))
        return logits


def mobilenet_v1(scale: float, classes: int = 1000) -> MobileNet:
    """Return MobileNetV1 at ``scale``."""
    channels = int(32 * scale)
    features = nn.Sequential(ConvBN(3, channels, 3, 2, act="relu"))
    for width, stride in V1_ROWS:
        features.append(DepthwiseSeparable(channels, int(width * scale), 3, stride, act="relu"))
        channels = int(width * scale)
    return MobileNet(features, channels, classes)


def mobilenet_v2(scale: float, classes: int = 1000) -> MobileNet:
    """Return MobileNetV2 at ``scale``, its last layer 1280 wide whatever the scale."""
    channels = int(32 * scale)
    features = nn.Sequential(ConvBN(3, channels, 3, 2, act="relu6"))
    for expansion, width, blocks, first_stride in V2_ROWS:
        for index in range(blocks):
            row = Row(3, expansion, width, False, "relu6", first_stride if index == 0 else 1)
            features.append(InvertedResidual(channels, channels * expansion, row, int(width * scale)))
            channels = int(width * scale)
    features.append(ConvBN(channels, 1280, act="relu6"))
    return MobileNet(features, 1280, classes)
