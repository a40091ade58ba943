"""The networks survive export: one graph for every batch and width, HardSwish as one operator."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from trainer.nets.classifier import build_classifier
from trainer.nets.detector import build_detector
from trainer.nets.recognizer import MOBILE, PAPER, RecognizerConfig, build_recognizer

# The old exporter announces its end, and tracing an LSTM asks for shapes that it knows.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::torch.jit.TracerWarning"
)

LINE_AXES = {"x": {0: "n", 3: "w"}, "y": {0: "n", 1: "t"}}
PAGE_AXES = {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n", 2: "h", 3: "w"}}
LINE_SHAPES = [(1, 3, 32, 64), (3, 3, 32, 321), (2, 3, 32, 160)]


def export(network, example, axes):
    file = io.BytesIO()
    torch.onnx.export(
        network,
        (example,),
        file,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    return file.getvalue()


def with_statistics(network, example):
    """Give batch norm the statistics of its input, so that signals live and a wrong graph shows.

    Random weights amplify rounding, hence the loose tolerance below.
    """
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network.train()(example)
    return network.eval()


def assert_same(network, graph, shapes):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for shape in shapes:
        x = torch.randn(shape)
        with torch.inference_mode():
            expected = network(x).numpy()
        assert expected.std() > 1e-3
        np.testing.assert_allclose(session.run(None, {"x": x.numpy()})[0], expected, atol=1e-3)


def operators(graph):
    return Counter(node.op_type for node in onnx.load_from_string(graph).graph.node)


@pytest.mark.parametrize(
    ("config", "hardswishes"),
    [(PAPER, 27), (RecognizerConfig(backbone="lcnet_fast", neck="mixer"), 30), (MOBILE, 18)],
    ids=lambda value: getattr(value, "backbone", ""),
)
def test_recognizer_exports_for_any_batch_and_width(config, hardswishes):
    example = torch.randn(4, 3, 32, 160)
    network = with_statistics(build_recognizer(config, 5), example)
    graph = export(network, example, LINE_AXES)
    assert operators(graph)["HardSwish"] == hardswishes
    assert operators(graph)["LSTM"] == (2 if config.neck == "bilstm" else 0)
    assert_same(network, graph, LINE_SHAPES)


def test_detector_exports_without_its_threshold_branch():
    example = torch.randn(2, 3, 64, 96)
    network = with_statistics(build_detector(), example)
    graph = export(network, example, PAGE_AXES)
    used = operators(graph)
    assert used["HardSwish"] == 20
    assert used["ConvTranspose"] == 2
    assert used["Resize"] == 6
    assert_same(network, graph, [(1, 3, 64, 64), (3, 3, 96, 160)])


@torch.inference_mode()
def test_a_folded_head_gives_each_pixel_what_it_was():
    example = torch.randn(2, 3, 64, 96)
    network = with_statistics(build_detector(), example)
    folded = network.fold().double()
    network.double()
    expected = network(example.double())
    assert expected.std() > 1e-3
    torch.testing.assert_close(folded(example.double()), expected, rtol=1e-9, atol=1e-9)
    used = operators(export(folded.float(), example, PAGE_AXES))
    assert used["ConvTranspose"] == 0
    assert used["DepthToSpace"] == 1


def test_direction_classifier_exports_for_any_batch():
    example = torch.randn(4, 3, 48, 192)
    network = with_statistics(build_classifier("direction", 2), example)
    assert_same(network, export(network, example, {"x": {0: "n"}, "y": {0: "n"}}), [(1, 3, 48, 192), (3, 3, 48, 192)])
