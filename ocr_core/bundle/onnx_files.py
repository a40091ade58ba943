"""ONNX files as they come: what they are, what they compute, and cleaned copies of them.

Needs the packages onnx and onnxruntime, which serving does not: they are imported when a file is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ocr_core.backends.base import Tensor
from ocr_core.errors import BundleImportError


class OnnxModel:
    """An ONNX file in memory with one image input and one output; names do not matter, places do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._onnx, self._runtime = _package("onnx"), _package("onnxruntime")
        try:
            self._proto = self._onnx.load(str(path))
            self._session: Any = None
            constants = {tensor.name for tensor in self._proto.graph.initializer}
            self._input = next(value for value in self._proto.graph.input if value.name not in constants)
            self._output = self._proto.graph.output[0]
        except Exception as error:  # protobuf's errors are private to it
            raise BundleImportError(f"{path}: not an ONNX file that can be read ({error}).") from error

    @property
    def input(self) -> str:
        """Name of the input."""
        return str(self._input.name)

    @property
    def output(self) -> str:
        """Name of the first output."""
        return str(self._output.name)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """N, C, H, W as the file declares them, None where it leaves them open."""
        dims = self._input.type.tensor_type.shape.dim
        return tuple(dim.dim_value if dim.dim_value > 0 else None for dim in dims)

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return next(int(o.version) for o in self._proto.opset_import if o.domain in ("", "ai.onnx"))

    @property
    def metadata(self) -> dict[str, str]:
        """Texts that were stored with the model."""
        return {entry.key: entry.value for entry in self._proto.metadata_props}

    def run(self, batch: Tensor) -> Tensor:
        """Compute the first output for `batch` (N×C×H×W).

        Raises:
            BundleImportError: the model does not take such a batch.
        """
        try:
            if self._session is None:
                self._session = self._open_session()
            output: Tensor = self._session.run([self.output], {self.input: batch})[0]
        except Exception as error:  # onnxruntime's errors have no common base
            raise BundleImportError(f"{self.path}: cannot compute an input of shape {batch.shape}: {error}") from error
        return output

    def flush_denormals(self) -> int:
        """Set denormal float32 weights to zero and return how many there were.

        They change no result and make CPUs several times slower: 256 k of the 2.45 M weights of PP-OCRv6_det_small are
        denormal. float16 weights are left alone, where such values still count.
        """
        flushed = 0
        self._session = None
        for tensor in _weights(self._proto.graph, self._onnx):
            values = self._onnx.numpy_helper.to_array(tensor)
            denormal = (values != 0) & (np.abs(values) < np.finfo(np.float32).tiny)
            if count := int(np.count_nonzero(denormal)):
                tensor.CopyFrom(
                    self._onnx.numpy_helper.from_array(np.where(denormal, np.float32(0), values), tensor.name)
                )
                flushed += count
        return flushed

    def halve(self) -> None:
        """Keep the weights in half precision, widened again where they are used: engines do that once, at loading.

        Vectors stay as they are: they are small, and batch norms' are sensitive.
        """
        self._session = None
        graph = self._proto.graph
        kinds = self._onnx.TensorProto
        large = [t for t in graph.initializer if t.data_type == kinds.FLOAT and len(t.dims) > 1]
        casts = []
        for tensor in large:
            half = f"{tensor.name}.half"
            casts.append(self._onnx.helper.make_node("Cast", [half], [tensor.name], to=kinds.FLOAT))
            values = self._onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(self._onnx.numpy_helper.from_array(values, half))
        nodes = [*casts, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)

    def save(self, path: Path, metadata: Mapping[str, str]) -> Path:
        """Write the model to `path` with `metadata` beside what it has, and return the path."""
        self._onnx.helper.set_model_props(self._proto, {**self.metadata, **metadata})
        path.write_bytes(self._proto.SerializeToString(deterministic=True))
        return path

    def _open_session(self) -> Any:
        options = self._runtime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        return self._runtime.InferenceSession(
            self._proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def _weights(graph: Any, onnx: Any) -> Iterator[Any]:
    """Give the float32 tensors of a graph: initializers, Constant nodes, and those of graphs within nodes."""
    kinds = onnx.AttributeProto
    tensors = list(graph.initializer)
    for attribute in (a for node in graph.node for a in node.attribute):
        if attribute.type == kinds.TENSOR:
            tensors.append(attribute.t)
        elif attribute.type == kinds.GRAPH:
            yield from _weights(attribute.g, onnx)
    yield from (tensor for tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BundleImportError(f"importing models needs the package {name}: install the extra `ppocr`.") from None
