"""ResNet-vd of basic blocks: the detection teacher (18 layers) and the server recognizer (34) (facts 1.4)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from trainer.nets.blocks import ConvBN, Size, init_conv_paddle, line_pool

WIDTHS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut; where it must change shape it averages first ("vd"), then projects."""

    def __init__(self, in_channels: int, out_channels: int, stride: Size, project: bool) -> None:
        super().__init__()
        self.conv1 = ConvBN(in_channels, out_channels, 3, stride, act="relu")
        self.conv2 = ConvBN(out_channels, out_channels, 3)
        self.shortcut = nn.Sequential()
        if project and stride != 1:
            self.shortcut.append(nn.AvgPool2d(stride, stride, ceil_mode=True))
        if project:
            self.shortcut.append(ConvBN(in_channels, out_channels))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return N x C_out x H / stride x W / stride."""
        y: Tensor = self.act(self.conv2(self.conv1(x)) + self.shortcut(x))
        return y


class ResNetVd(nn.Module):
    """Deep stem of three 3 x 3 convolutions, max-pool, four stages of ``depths`` blocks, 64 to 512 channels wide."""

    def __init__(
        self, depths: Sequence[int], in_channels: int = 3, stem_stride: int = 2, stage_stride: Size = 2
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvBN(in_channels, 32, 3, stem_stride, act="relu"),
            ConvBN(32, 32, 3, act="relu"),
            ConvBN(32, 64, 3, act="relu"),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.stages = nn.ModuleList()
        channels = 64
        for depth, width in zip(depths, WIDTHS, strict=True):
            stride = 1 if width == WIDTHS[0] else stage_stride
            blocks = [BasicBlock(channels, width, stride, project=True)]
            blocks += [BasicBlock(width, width, 1, project=False) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*blocks))
            channels = width
        self.channels = list(WIDTHS)
        self.out_channels = channels
        init_conv_paddle(self)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Return the output of each stage; in the detector at 1/4, 1/8, 1/16 and 1/32."""
        maps = []
        x = self.stem(image)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class ResNetVdRecognition(ResNetVd):
    """ResNet34-vd of the PP-OCR server recognizer: N x 3 x 32 x W to N x 512 x 1 x W / 4."""

    def __init__(self, height: int = 32, in_channels: int = 3) -> None:
        super().__init__((3, 4, 6, 3), in_channels, stem_stride=1, stage_stride=(2, 1))
        self.pool = line_pool(height)

    def forward(self, image: Tensor) -> Tensor:
        """Return N x C x 1 x T."""
        x: Tensor = self.pool(self.pyramid(image)[-1])
        return x
