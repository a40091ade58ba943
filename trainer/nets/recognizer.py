"""The text-line recognizer: backbone, sequence neck and CTC head (PP-OCRv2, section 2.2; facts 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor, nn

from trainer.nets.blocks import init_linear_uniform
from trainer.nets.lcnet import LCNetRecognition
from trainer.nets.mobilenet_v3 import MobileNetV3Recognition
from trainer.nets.necks import BiLSTM, ConvMixer
from trainer.nets.resnet_vd import ResNetVdRecognition


class RecognizerOutputs(NamedTuple):
    """What training sees of one forward pass."""

    backbone: Tensor
    """N x C x 1 x T features after the backbone's pooling; U-DML compares them."""
    features: Tensor
    """N x T x 96: the input of the last layer; Enhanced CTC draws it to the class centers."""
    logits: Tensor
    """N x T x classes, class 0 the CTC blank."""


@dataclass(frozen=True)
class RecognizerConfig:
    """A recognizer's shape; the defaults are the paper's."""

    backbone: Literal["lcnet", "lcnet_fast", "mobilenet_v3_small", "resnet34_vd"] = "lcnet"
    """The paper's, the same made faster, that of the PP-OCR mobile, and that of its server recognizer."""
    neck: Literal["bilstm", "mixer"] = "bilstm"
    """The paper's LSTM, or light convolutions along the line, which learn faster from little data."""
    hidden: int = 64
    """LSTM units of each direction; the mixer has 2 x ``hidden`` channels."""
    depth: int = 2
    """LSTM layers, or mixer blocks."""
    head_features: int = 96
    """Width between the two linear layers of the head; 0: a single layer."""
    height: int = 32
    """Pixels of a line's height."""
    grey: bool = False
    """Read the mean of the colour channels, so that images of one or three channels both fit."""
    width: int = 1
    """Multiplies the later channels of an LCNet backbone; one twice as wide takes over what a narrower one learned."""


PAPER = RecognizerConfig()
MOBILE = RecognizerConfig(backbone="mobilenet_v3_small", hidden=48, head_features=0)
"""The PP-OCR mobile recognizer, the paper's baseline."""
SERVER = RecognizerConfig(backbone="resnet34_vd", hidden=256, head_features=0)
"""The PP-OCR server recognizer of Table 5."""


class CTCHead(nn.Module):
    """Two linear layers without activation between them (PP-OCRv2, section 2.2, U-DML), or one."""

    def __init__(self, in_channels: int, classes: int, features: int = 96) -> None:
        super().__init__()
        self.reduce = nn.Linear(in_channels, features) if features else nn.Identity()
        self.classify = nn.Linear(features or in_channels, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                init_linear_uniform(layer)

    def forward(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features N x T x F and the logits N x T x classes."""
        features: Tensor = self.reduce(sequence)
        return features, self.classify(features)


class Recognizer(nn.Module):
    """Reads lines: ``outputs`` for training, ``forward`` for inference and export."""

    def __init__(self, config: RecognizerConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.backbone = _backbone(config)
        self.neck: BiLSTM | ConvMixer
        if config.neck == "bilstm":
            self.neck = BiLSTM(self.backbone.out_channels, config.hidden, config.depth)
        else:
            self.neck = ConvMixer(self.backbone.out_channels, 2 * config.hidden, config.depth)
        self.head = CTCHead(self.neck.out_channels, classes, config.head_features)

    def outputs(self, image: Tensor) -> RecognizerOutputs:
        """Return features and logits of N x 3 x H x W images, H the configured height."""
        if self.config.grey:
            image = image.mean(1, keepdim=True)
        backbone: Tensor = self.backbone(image)
        features, logits = self.head(self.neck(backbone))
        return RecognizerOutputs(backbone, features, logits)

    def forward(self, image: Tensor) -> Tensor:
        """Return the probabilities N x T x classes of N x 3 x H x W images."""
        return self.outputs(image).logits.softmax(2)

    def frames(self, width: int) -> int:
        """Return T, the number of output frames for images of ``width`` pixels."""
        half = (width + 1) // 2
        return (half + 1) // 2 if self.config.backbone == "lcnet_fast" else half // 2


def _backbone(config: RecognizerConfig) -> LCNetRecognition | MobileNetV3Recognition | ResNetVdRecognition:
    channels = 1 if config.grey else 3
    if config.backbone == "mobilenet_v3_small":
        return MobileNetV3Recognition(config.height, in_channels=channels)
    if config.backbone == "resnet34_vd":
        return ResNetVdRecognition(config.height, in_channels=channels)
    return LCNetRecognition(config.height, config.backbone == "lcnet_fast", channels, config.width)


def build_recognizer(config: RecognizerConfig, classes: int) -> Recognizer:
    """Return an untrained recognizer of ``classes`` classes, the blank included."""
    return Recognizer(config, classes)
