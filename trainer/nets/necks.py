"""Sequence encoders between a recognition backbone and its head: N x C x 1 x T features to N x T x D (facts 5.2)."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.nets.blocks import ConvBN, init_conv_kaiming


class BiLSTM(nn.Module):
    """Bidirectional LSTM over the T columns, zero initial state; D = 2 x ``hidden``."""

    def __init__(self, in_channels: int, hidden: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.lstm = nn.LSTM(in_channels, hidden, layers, batch_first=True, bidirectional=True)
        self.out_channels = 2 * hidden

    def forward(self, features: Tensor) -> Tensor:
        """Return N x T x D of N x C x 1 x T."""
        sequence: Tensor = self.lstm(features.squeeze(2).transpose(1, 2))[0]
        return sequence


class MixerBlock(nn.Module):
    """x + MLP(BN(depthwise 1 x k of x)): mixes neighbouring columns, then channels.

    The last batch norm starts at zero, so that a new block changes nothing at first (Goyal et al. 2017): a trained neck
    can be made deeper by ``--init STATE --fresh neck.blocks.N`` without unlearning anything.
    """

    def __init__(self, channels: int, kernel: int, expansion: int = 2) -> None:
        super().__init__()
        wide = channels * expansion
        last = ConvBN(wide, channels)
        for norm in last:
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.zeros_(norm.weight)
        self.mix = nn.Sequential(
            ConvBN(channels, channels, (1, kernel), groups=channels),
            nn.Conv2d(channels, wide, 1),
            nn.Hardswish(),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C x 1 x T, the shape that came."""
        mixed: Tensor = self.mix(x)
        return x + mixed


class ConvMixer(nn.Module):
    """Light convolutions along the line; learns faster from little data than the BiLSTM and runs in parallel.

    Each block sees ``kernel`` columns, so a character's context is bounded and hardly depends on the padding.
    """

    def __init__(self, in_channels: int, channels: int = 128, depth: int = 2, kernel: int = 9) -> None:
        super().__init__()
        self.project = ConvBN(in_channels, channels, act="hardswish")
        self.blocks = nn.Sequential(*[MixerBlock(channels, kernel) for _ in range(depth)])
        self.norm = nn.BatchNorm2d(channels)
        self.out_channels = channels
        init_conv_kaiming(self)

    def forward(self, features: Tensor) -> Tensor:
        """Return N x T x D of N x C x 1 x T."""
        x: Tensor = self.norm(self.blocks(self.project(features)))
        return x.squeeze(2).transpose(1, 2)
