"""From a run's state to an ONNX file that computes the same."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ocr_core.backends.base import Tensor
from ocr_core.bundle.onnx_files import OnnxModel
from trainer.checkpoint import load_weights, read_tensors
from trainer.config import AnyRun, ClassifierRun, DetectorRun, RecognizerRun, parse_config
from trainer.errors import GateError
from trainer.methods.classification import DirectionStudent
from trainer.nets.detector import Detector, build_detector
from trainer.nets.recognizer import build_recognizer
from trainer.torch_network import INPUT, OPSET, OUTPUT, TorchNetwork

OPEN_AXES: dict[str, tuple[dict[int, str], dict[int, str]]] = {
    "classifier": ({0: "n"}, {0: "n"}),
    "detector": ({0: "n", 2: "h", 3: "w"}, {0: "n", 2: "h", 3: "w"}),
    "recognizer": ({0: "n", 3: "w"}, {0: "n", 1: "t"}),
}
"""By task, the dimensions of input and output that may be of any size."""
TOLERANCE = 1e-3
"""Largest difference between torch and ONNX, of probabilities. Where a map is steep, rounding alone makes 3e-4 of it;
what is exported wrongly is off by far more."""
HALF_TOLERANCE = 0.05
"""The same with weights of half precision."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The one network of a state file that is exported and published, and the configuration it was trained with."""

    network: nn.Module
    config: AnyRun


def load_trained(state: Path) -> Trained:
    """Return the student of a state file, in eval mode.

    Raises:
        ConfigError: the file is no state, or does not fit its own configuration.
    """
    config = parse_config(read_tensors(state)[1].get("config", {}), str(state))
    network: nn.Module
    if isinstance(config, RecognizerRun):
        network = build_recognizer(config.net, len(config.charset))
    elif isinstance(config, DetectorRun):
        network = build_detector(config.net)
    else:
        network = DirectionStudent()
    load_weights(network, state)
    return Trained(network.eval(), config)


def export_onnx(trained: Trained, path: Path, inputs: Sequence[Tensor], *, half: bool = False) -> float:
    """Write the network to `path` and return the largest difference from torch over `inputs` (each N×C×H×W).

    The batch, a recognizer's width, and a detector's height and width stay open. A recognizer carries its characters.
    With `half` its weights are kept in half precision, after the network in single precision was compared.

    Raises:
        GateError: the difference is above `TOLERANCE`, or in half precision above `HALF_TOLERANCE`.
    """
    write_onnx(trained.network, path, inputs[0], trained.config.task)
    model = OnnxModel(path)
    model.flush_denormals()
    metadata = (
        {"character": "\n".join(trained.config.charset.entries)} if isinstance(trained.config, RecognizerRun) else {}
    )
    model.save(path, metadata)
    difference = _compared(trained, path, inputs, TOLERANCE)
    if not half:
        return difference
    model.halve()
    model.save(path, metadata)
    return _compared(trained, path, inputs, HALF_TOLERANCE)


def _compared(trained: Trained, path: Path, inputs: Sequence[Tensor], tolerance: float) -> float:
    difference = compare(trained.network, path, inputs)
    if difference > tolerance:
        raise GateError(f"{path}: differs from torch by {difference:.2g}, more than {tolerance}")
    return difference


def write_onnx(network: nn.Module, path: Path, example: Tensor, task: str) -> None:
    """Write the inference of a network to `path`, traced with an input like `example`; `task` decides the open axes.

    A detector's head is folded.
    """
    axes, answer = OPEN_AXES[task]
    network = network.fold() if isinstance(network, Detector) else network
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The exporter warns of its successor, and of LSTMs traced at one batch size: `compare` tries several.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.from_numpy(example),),
            str(path),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: axes, OUTPUT: answer},
            opset_version=OPSET,
            dynamo=False,
        )


def compare(network: nn.Module, path: Path, inputs: Sequence[Tensor]) -> float:
    """Return the largest difference between the network in torch and its ONNX file over `inputs`."""
    model, reference = OnnxModel(path), TorchNetwork(network)
    return max(float(np.abs(model.run(batch) - reference(batch)).max()) for batch in inputs)


def export_state(state: Path, path: Path) -> float:
    """Export the network of a state file, compared on random inputs of several shapes; see `export_onnx`."""
    trained = load_trained(state)
    config, rng = trained.config, np.random.default_rng(0)
    if isinstance(config, RecognizerRun):
        channels = 1 if config.net.grey else 3
        shapes = [(n + 1, channels, config.net.height, width) for n, width in enumerate(config.data.widths[:4])]
    elif isinstance(config, ClassifierRun):
        shapes = [(n, 3, 48, 192) for n in (1, 3)]
    else:
        shapes = [(1, 3, 320, 320), (2, 3, 96, 160), (1, 3, 64, 640)]
    return export_onnx(trained, path, [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes])
