"""The text detector: backbone, feature pyramid and differentiable binarization (facts 1)."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from trainer.nets.blocks import ConvBN, init_conv_paddle
from trainer.nets.mobilenet_v3 import MobileNetV3Pyramid
from trainer.nets.resnet_vd import ResNetVd

SHARPNESS = 50.0
"""k of differentiable binarization: B = 1 / (1 + exp(-k (P - T)))."""


class DetectorMaps(NamedTuple):
    """What training sees of one forward pass: float32 maps N x H x W with values in [0, 1]."""

    shrink: Tensor
    """P: the probability that a pixel lies in the shrunken kernel of a text."""
    threshold: Tensor
    """T: the threshold that P should pass there."""
    binary: Tensor
    """B: P > T, made differentiable."""


@dataclass(frozen=True)
class DetectorConfig:
    """A detector's shape; the defaults are the paper's student."""

    backbone: Literal["mobilenet_v3_large", "resnet18_vd"] = "mobilenet_v3_large"
    """MobileNetV3-large x0.5 without squeeze-excite (the student), or ResNet18-vd (the teacher)."""
    neck_channels: int = 96
    """Channels of the feature pyramid, a multiple of 16; the paper's teacher has 256."""


STUDENT = DetectorConfig()
TEACHER = DetectorConfig(backbone="resnet18_vd", neck_channels=256)


class DBFPN(nn.Module):
    """Fuse the maps at 1/4 to 1/32 into one of ``channels`` at 1/4, without norms or activations (facts 1.2)."""

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1, bias=False) for width in in_channels)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels // 4, 3, padding=1, bias=False) for _ in in_channels)
        self.up2, self.up4, self.up8 = (nn.Upsample(scale_factor=factor) for factor in (2.0, 4.0, 8.0))
        for conv in (*self.lateral, *self.smooth):
            nn.init.kaiming_uniform_(conv.weight)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return N x channels x H / 4 x W / 4 of the maps C2 to C5."""
        c2, c3, c4, c5 = (lateral(x) for lateral, x in zip(self.lateral, maps, strict=True))
        c4 = c4 + self.up2(c5)
        c3 = c3 + self.up2(c4)
        c2 = c2 + self.up2(c3)
        p2, p3, p4, p5 = (smooth(x) for smooth, x in zip(self.smooth, (c2, c3, c4, c5), strict=True))
        return torch.cat([self.up8(p5), self.up4(p4), self.up2(p3), p2], dim=1)


class MapHead(nn.Sequential):
    """One branch of the DB head: N x C x h x w to logits N x 1 x 4h x 4w (facts 1.3)."""

    def __init__(self, in_channels: int) -> None:
        inner = in_channels // 4
        super().__init__(
            ConvBN(in_channels, inner, 3, act="relu"),
            nn.ConvTranspose2d(inner, inner, 2, 2),
            nn.BatchNorm2d(inner),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(inner, 1, 2, 2),
        )
        init_conv_paddle(self)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.constant_(layer.bias, 1e-4)
            if isinstance(layer, nn.ConvTranspose2d) and layer.bias is not None:
                nn.init.kaiming_uniform_(layer.weight)
                nn.init.uniform_(layer.bias, -1 / math.sqrt(inner), 1 / math.sqrt(inner))


class FoldedHead(nn.Sequential):
    """A `MapHead` with its sigmoid, for inference: the same probabilities, computed at a quarter of the size.

    A transposed convolution of 2 by 2 and stride 2 gives each pixel four of its own: it is a convolution of 1 by 1 to
    four times the channels, whose pixels are put in place later, here once for both. At full size one channel would
    fill a sixteenth of a vector (docs/decisions/0046-folded-head.md).
    """

    def __init__(self, head: MapHead) -> None:
        first, up, norm, relu, last = head
        assert isinstance(up, nn.ConvTranspose2d)
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(last, nn.ConvTranspose2d)
        inner = up.out_channels
        spread = nn.Conv2d(up.in_channels, 4 * inner, 1)
        norms = nn.BatchNorm2d(4 * inner, eps=norm.eps)
        join = nn.Conv2d(4 * inner, 16, 1)
        with torch.no_grad():
            for place in range(4):
                channels = slice(place * inner, (place + 1) * inner)
                spread.weight[channels, :, 0, 0] = up.weight[:, :, place // 2, place % 2].T
            for own, theirs in ((norms.weight, norm.weight), (norms.bias, norm.bias)):
                own.copy_(theirs.repeat(4))
            for statistic in ("running_mean", "running_var"):
                getattr(norms, statistic).copy_(getattr(norm, statistic).repeat(4))
            _copy_bias(spread, up, 4)
            _copy_bias(join, last, 16)
            join.weight.zero_()
            for row, column in itertools.product(range(4), repeat=2):
                place = 2 * (row // 2) + column // 2
                weights = last.weight[:, 0, row % 2, column % 2]
                join.weight[4 * row + column, place * inner : (place + 1) * inner, 0, 0] = weights
        super().__init__(first, spread, norms, relu, join, nn.Sigmoid(), nn.PixelShuffle(4))


def _copy_bias(to: nn.Conv2d, of: nn.ConvTranspose2d, times: int) -> None:
    assert to.bias is not None
    assert of.bias is not None
    to.bias.copy_(of.bias.repeat(times))


class Detector(nn.Module):
    """Finds text: ``maps`` for training, ``forward`` for inference and export. H and W are multiples of 32."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = MobileNetV3Pyramid() if config.backbone == "mobilenet_v3_large" else ResNetVd((2, 2, 2, 2))
        self.neck = DBFPN(self.backbone.channels, config.neck_channels)
        self.shrink = MapHead(config.neck_channels)
        self.threshold = MapHead(config.neck_channels)
        self.folded: FoldedHead | None = None

    def _fused(self, image: Tensor) -> Tensor:
        fused: Tensor = self.neck(self.backbone.pyramid(image))
        return fused

    def maps(self, image: Tensor) -> DetectorMaps:
        """Return all three maps of N x 3 x H x W images, in train and in eval mode alike."""
        fused = self._fused(image)
        shrink = self.shrink(fused).squeeze(1).float().sigmoid()
        threshold = self.threshold(fused).squeeze(1).float().sigmoid()
        return DetectorMaps(shrink, threshold, torch.sigmoid(SHARPNESS * (shrink - threshold)))

    def forward(self, image: Tensor) -> Tensor:
        """Return the probability map N x 1 x H x W; the threshold branch does not run."""
        fused = self._fused(image)
        probability: Tensor = self.shrink(fused).sigmoid() if self.folded is None else self.folded(fused)
        return probability

    def fold(self) -> Detector:
        """Return this network with the shrink branch of `forward` folded, for export; see `FoldedHead`."""
        folded = copy.deepcopy(self)
        folded.folded = FoldedHead(folded.shrink).eval()
        return folded


def build_detector(config: DetectorConfig = STUDENT) -> Detector:
    """Return an untrained detector."""
    return Detector(config)
