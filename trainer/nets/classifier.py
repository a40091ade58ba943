"""Classifiers by name: the direction of a line, and the networks of the paper's Table 4."""

from __future__ import annotations

from typing import Literal

from torch import nn

from trainer.nets.ghostnet import GhostNet
from trainer.nets.lcnet import LCNetClassifier
from trainer.nets.mobilenet import mobilenet_v1, mobilenet_v2
from trainer.nets.mobilenet_v3 import LARGE, SMALL, DirectionClassifier, MobileNetV3Classifier

ClassifierName = Literal[
    "direction",
    "lcnet_x1_0",
    "mobilenet_v1_x0_75",
    "mobilenet_v2_x0_75",
    "mobilenet_v3_small_x1_0",
    "mobilenet_v3_large_x0_5",
    "ghostnet_x0_5",
]


def build_classifier(name: ClassifierName, classes: int) -> nn.Module:
    """Return an untrained classifier; its forward gives logits N x classes."""
    if name == "direction":
        return DirectionClassifier(classes)
    if name == "lcnet_x1_0":
        return LCNetClassifier(classes)
    if name == "mobilenet_v1_x0_75":
        return mobilenet_v1(0.75, classes)
    if name == "mobilenet_v2_x0_75":
        return mobilenet_v2(0.75, classes)
    if name == "mobilenet_v3_small_x1_0":
        return MobileNetV3Classifier(SMALL, 1.0, 576, classes)
    if name == "mobilenet_v3_large_x0_5":
        return MobileNetV3Classifier(LARGE, 0.5, 960, classes)
    return GhostNet(0.5, classes)
