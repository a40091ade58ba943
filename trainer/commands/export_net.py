"""`trainer export-net`: the networks that the paper compares, untrained, as ONNX files whose speed can be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast, get_args

import numpy as np
import torch
from torch import nn

from trainer.errors import ConfigError
from trainer.nets.classifier import ClassifierName, build_classifier
from trainer.nets.detector import STUDENT, TEACHER, build_detector
from trainer.nets.recognizer import MOBILE, PAPER, SERVER, build_recognizer
from trainer.release.export import compare, write_onnx

CLASSES = 6625
"""Of PP-OCR's recognizers: the blank, 6,623 characters and the space (facts 5.3)."""
OTHERS: Mapping[str, Callable[[], nn.Module]] = {
    "detector_mobile": lambda: build_detector(STUDENT),
    "detector_server": lambda: build_detector(TEACHER),
    "recognizer_mobile": lambda: build_recognizer(MOBILE, CLASSES),
    "recognizer_server": lambda: build_recognizer(SERVER, CLASSES),
    "recognizer_v2": lambda: build_recognizer(PAPER, CLASSES),
}
SIZES = {"classifier": (224, 224), "detector": (64, 96), "recognizer": (32, 160)}
"""Height and width of what a network is traced with; the direction classifier alone wants another (facts 4.4)."""
DIRECTION_SIZE = (48, 192)
NAMES = (*get_args(ClassifierName), *OTHERS)


def export_net(name: str, path: Path) -> float:
    """Write the network called `name`, one of `NAMES`, and return its largest difference from torch.

    Weights are random, the same each time; batch norm has the statistics of noise, so that signals neither fade nor
    grow beyond what a trained network computes with.

    Raises:
        ConfigError: no such network.
    """
    torch.manual_seed(0)
    if name in OTHERS:
        task, network = name.partition("_")[0], OTHERS[name]()
    elif name in get_args(ClassifierName):
        classes = 2 if name == "direction" else 1000
        task, network = "classifier", build_classifier(cast("ClassifierName", name), classes)
    else:
        raise ConfigError(f"no network {name!r}; there are {', '.join(NAMES)}")
    size = DIRECTION_SIZE if name == "direction" else SIZES[task]
    noise = np.random.default_rng(0).normal(size=(4, 3, *size)).astype(np.float32)
    _settle(network, torch.from_numpy(noise))
    write_onnx(network, path, noise[:2], task)
    return compare(network, path, [noise[:1], noise])


def _settle(network: nn.Module, images: torch.Tensor) -> None:
    """Give batch norm the statistics of N×C×H×W `images`, and leave the network in eval mode."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
    network.eval()
