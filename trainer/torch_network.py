"""A torch module behind the seam at which `ocr_core` expects an ONNX engine, so that its pipeline judges training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ocr_core.backends.base import Policy, Result, Role, Tensor
from ocr_core.detection.detector import Detector
from ocr_core.recognition.classifier import Classifier
from ocr_core.recognition.recognizer import Recognizer
from ocr_core.specs import ClassifierSpec, DetectorResize, DetectorSpec, FaintText, File, Normalization, RecognizerSpec
from trainer.config import ClassifierRun, DetectorRun, RecognizerRun
from trainer.config.runs import DetectorServing

OPSET = 17
INPUT, OUTPUT = "x", "y"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""In this order for blue, green and red, as PP-OCR feeds its detectors (facts D15)."""

NOT_WRITTEN = File(file="unwritten.onnx", sha256="0" * 64, bytes=0)
"""Stands for the weights of a network that is not exported yet."""
CPU = torch.device("cpu")
POLICY = Policy(streams=1, threads=1, max_batch=1)
"""Every width of the bundle is used, as the CPU backends do."""


class TorchNetwork:
    """An `ocr_core.backends.Network`; the module's `forward` is the inference."""

    def __init__(self, module: nn.Module, device: torch.device = CPU) -> None:
        self.module = module.eval()
        self.device = device

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Tensor:
        """Compute N×C×H×W."""
        output = self.module(torch.from_numpy(batch).to(self.device)).float().cpu().numpy()
        return np.asarray(output, np.float32)

    def reduce(self, batch: Tensor, function: Callable[[Tensor], Result]) -> Result:
        """Apply `function` to the output for `batch`."""
        return function(self(batch))

    def close(self) -> None:
        """Nothing to free."""


class TorchBackend:
    """An `ocr_core.backends.Backend` of modules by role; the files of the bundle stand aside."""

    name = "torch"
    provider = "torch"
    policy = POLICY

    def __init__(self, modules: Mapping[Role, nn.Module], device: torch.device = CPU) -> None:
        self.modules = modules
        self.device = device

    def load(self, path: Path, role: Role) -> TorchNetwork:  # noqa: ARG002 - the module is here already
        """Return the network of a role."""
        return TorchNetwork(self.modules[role], self.device)


def recognizer_spec(config: RecognizerRun, weights: File = NOT_WRITTEN, opset: int = OPSET) -> RecognizerSpec:
    """Return the manifest entry of a recognizer trained by `config`."""
    grey = config.net.grey
    normalization = Normalization(color="gray", mean=(0.5,), std=(0.5,)) if grey else Normalization()
    return RecognizerSpec(
        weights=weights,
        opset=opset,
        input=INPUT,
        output=OUTPUT,
        normalization=normalization,
        height=config.net.height,
        widths=config.data.widths,
        characters=config.charset.entries,
    )


def detector_spec(config: DetectorRun, weights: File = NOT_WRITTEN, opset: int = OPSET) -> DetectorSpec:
    """Return the manifest entry of a detector trained by `config`."""
    serving = config.serving
    return DetectorSpec(
        weights=weights,
        opset=opset,
        input=INPUT,
        output=OUTPUT,
        normalization=Normalization(mean=IMAGENET_MEAN, std=IMAGENET_STD),
        resize=DetectorResize(
            min_side=serving.min_side,
            max_side=serving.max_side,
            max_pixels=serving.max_pixels or None,
            fine_pixels=serving.fine_pixels or None,
            fine_below=serving.fine_below,
        ),
        threshold=serving.threshold,
        split_threshold=serving.split_threshold or None,
        score=serving.score,
        box_threshold=serving.box_threshold,
        unclip_ratio=serving.unclip_ratio,
        lengthen=serving.lengthen,
        dilate=serving.dilate,
        faint=_faint(serving),
    )


def _faint(serving: DetectorServing) -> FaintText | None:
    if not serving.faint_threshold:
        return None
    return FaintText(
        threshold=serving.faint_threshold,
        box_threshold=serving.faint_box_threshold,
        most_lines=serving.faint_most_lines,
    )


def classifier_spec(config: ClassifierRun, weights: File = NOT_WRITTEN, opset: int = OPSET) -> ClassifierSpec:
    """Return the manifest entry of a direction classifier trained by `config` (facts 4.4)."""
    return ClassifierSpec(
        weights=weights,
        opset=opset,
        input=INPUT,
        output=OUTPUT,
        normalization=Normalization(),
        height=48,
        width=192,
        threshold=config.threshold,
    )


def torch_classifier(config: ClassifierRun, student: nn.Module, device: torch.device) -> Classifier:
    """Return the direction classifier that serves, with a torch network inside."""
    return Classifier(TorchNetwork(student, device), classifier_spec(config))


def torch_recognizer(config: RecognizerRun, student: nn.Module, device: torch.device) -> Recognizer:
    """Return the recognizer that serves, with a torch network inside."""
    return Recognizer(TorchNetwork(student, device), recognizer_spec(config), POLICY)


def torch_detector(config: DetectorRun, student: nn.Module, device: torch.device) -> Detector:
    """Return the detector that serves, with a torch network inside."""
    return Detector(TorchNetwork(student, device), detector_spec(config))
