"""Small ONNX files in the shapes of PP-OCR's generations, and bundles made of them. They compute nothing of use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocr_core.bundle.golden import draw_sample, encode_sample
from ocr_core.bundle.manifest import Golden, Manifest, Models, Origin
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.writer import describe_file, make_manifest, write_bundle
from ocr_core.specs import DetectorSpec, Normalization, RecognizerSpec

Dims = Sequence[int | str | None]
DYNAMIC: Dims = ("N", 3, "H", "W")


def detector(
    path: Path, *, sigmoid: bool = True, dims: Dims = DYNAMIC, weights: Sequence[float] = (1, 0.5, -1)
) -> Path:
    """A detector: N×3×H×W to N×1×H×W."""
    kernel = numpy_helper.from_array(np.array(weights, np.float32).reshape(1, 3, 1, 1), "kernel")
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["map"])]
    nodes.append(helper.make_node("Sigmoid" if sigmoid else "Identity", ["map"], ["sigmoid_0.tmp_0"]))
    return _save(path, nodes, [kernel], dims, "sigmoid_0.tmp_0", ("N", 1, "H", "W"))


def recognizer(
    path: Path,
    *,
    classes: int,
    height: int = 48,
    frame: int = 8,
    dims: Dims = ("N", 3, 48, "W"),
    softmax: bool = True,
    declare_classes: bool = True,
    metadata: Mapping[str, str] | None = None,
    name: str = "x",
) -> Path:
    """A recognizer that takes lines of `height`: N×3×H×W to N×(W/frame)×C."""
    rng = np.random.default_rng(0)
    kernel = numpy_helper.from_array(rng.normal(size=(classes, 3, 1, 1)).astype(np.float32), "kernel")
    pool = {"kernel_shape": [height // 2, frame], "strides": [height // 2, frame]}
    nodes = [
        helper.make_node("AveragePool", [name], ["pooled"], **pool),
        helper.make_node("MaxPool", ["pooled"], ["row"], kernel_shape=[2, 1], strides=[2, 1]),
        helper.make_node("Conv", ["row", "kernel"], ["scores"]),
        helper.make_node("Squeeze", ["scores"], ["flat"], axes=[2]),
        helper.make_node("Transpose", ["flat"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("Softmax" if softmax else "Identity", ["rows"], ["out"], **({"axis": 2} if softmax else {})),
    ]
    output: Dims = ("N", "T", classes if declare_classes else "C")
    return _save(path, nodes, [kernel], dims, "out", output, metadata=metadata, name=name)


def classifier(path: Path, *, dims: Dims = DYNAMIC, softmax: bool = True) -> Path:
    """A direction classifier: N×3×H×W to N×2, its weights in a Constant node as older converters put them."""
    matrix = numpy_helper.from_array(np.array([[1, -1], [1e-40, 1], [0, 1e-42]], np.float32), "matrix_value")
    nodes = [
        helper.make_node("Constant", [], ["matrix"], value=matrix),
        helper.make_node("GlobalAveragePool", ["x"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["scores"]),
        helper.make_node("Softmax" if softmax else "Identity", ["scores"], ["out"]),
    ]
    return _save(path, nodes, [], dims, "out", ("N", 2))


def write_small_bundle(folder: Path, *, name: str = "small", version: str | None = "v1", seed: str = "") -> Bundle:
    """A bundle whose weights are a few bytes: for stores, which never look into them."""
    work = folder.with_name(f"{folder.name}-files")
    work.mkdir(parents=True)
    for file, content in (("detector.onnx", b"detector"), ("recognizer.onnx", b"recognizer")):
        (work / file).write_bytes(content + seed.encode())
    (work / "golden.png").write_bytes(encode_sample(draw_sample("ab")))
    return write_bundle(folder, small_manifest(work, name=name, version=version), sorted(work.iterdir()))


def small_manifest(work: Path, *, name: str = "small", version: str | None = "v1") -> Manifest:
    network = {"opset": 17, "input": "x", "output": "y", "normalization": Normalization()}
    models = Models(
        detector=DetectorSpec(weights=describe_file(work / "detector.onnx"), **network),
        recognizer=RecognizerSpec(
            weights=describe_file(work / "recognizer.onnx"),
            height=32,
            widths=(64, 128),
            characters=("a", "b", "\u3000", "🇪🇺", " "),
            **network,
        ),
    )
    golden = Golden(image=describe_file(work / "golden.png"), text=("ab",))
    return make_manifest(
        name=name, version=version, origin=Origin(tool="tests", source="nowhere"), models=models, golden=golden
    )


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    initializers: list[onnx.TensorProto],
    dims: Dims,
    output: str,
    output_dims: Dims,
    *,
    metadata: Mapping[str, str] | None = None,
    name: str = "x",
) -> Path:
    graph = helper.make_graph(
        nodes,
        "synthetic",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_dims)],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, str(path))
    return path
