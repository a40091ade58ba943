from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocr_core import backends
from ocr_core.backends import Policy, load_backend
from ocr_core.backends.fake import FakeBackend
from ocr_core.errors import BackendError, BackendUnavailableError

KERNEL = np.array([0.5, -1.0, 2.0], np.float32)
CPU_BACKENDS = [
    "onnxruntime",
    pytest.param(
        "openvino",
        marks=pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="no OpenVINO wheel"),
    ),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """N×3×H×W to N×1×H×W: the sigmoid of a weighted sum of the channels."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1, "H", "W"])
    kernel = numpy_helper.from_array(KERNEL.reshape(1, 3, 1, 1), "kernel")
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["sum"]), helper.make_node("Sigmoid", ["sum"], ["y"])]
    graph = helper.make_graph(nodes, "small", [x], [y], [kernel])
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    # The first session of a process makes its thread flush denormals, which hypothesis refuses to work with.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(load_backend("onnxruntime", threads=1).load, path, "detector").result()
    return path


def expected(batch):
    return 1 / (1 + np.exp(-np.einsum("nchw,c->nhw", batch, KERNEL)))[:, None]


@pytest.mark.parametrize("name", CPU_BACKENDS)
def test_networks_take_any_shape(name, model, rng):
    network = load_backend(name, threads=1, precision="f32").load(model, "detector")
    for shape in [(1, 3, 32, 64), (2, 3, 7, 5), (1, 3, 64, 32)]:
        batch = rng.normal(size=shape).astype(np.float32)
        output = network(batch)
        assert output.dtype == np.float32
        assert output == pytest.approx(expected(batch), abs=1e-4)


@pytest.mark.parametrize("name", CPU_BACKENDS)
def test_results_are_the_callers_own(name, model, rng):
    """Under several threads, each gets the result of its own input, and later calls do not write over it."""
    network = load_backend(name, threads=2, precision="f32").load(model, "detector")
    batches = [rng.normal(size=(1, 3, 16, 8 + 8 * (i % 3))).astype(np.float32) for i in range(48)]
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(network, batches))
    for batch, output in zip(batches, outputs, strict=True):
        assert output == pytest.approx(expected(batch), abs=1e-4)


@pytest.mark.parametrize("name", CPU_BACKENDS)
def test_policy_follows_the_threads(name):
    backend = load_backend(name, threads=3)
    assert backend.name == name
    assert backend.policy == Policy(streams=3, threads=3, max_batch=1)
    assert "CPU" in backend.provider


@pytest.mark.parametrize("name", CPU_BACKENDS)
def test_closed_networks_refuse(name, model):
    network = load_backend(name, threads=1).load(model, "detector")
    network.close()
    with pytest.raises(BackendError, match="closed"):
        network(np.zeros((1, 3, 8, 8), np.float32))


class Compiled:
    """A compiled network of OpenVINO that gives what it is fed."""

    def get_property(self, name):
        return SimpleNamespace(to_string=lambda: "f32")

    def create_infer_request(self):
        tensors = []
        return SimpleNamespace(
            infer=lambda inputs, **_: tensors.append(inputs[0]),
            get_output_tensor=lambda _: SimpleNamespace(data=tensors[-1]),
        )


def test_openvino_keeps_no_caller_waiting_whenever_it_is_closed():
    """Another thread closes the network before each line that a call runs through; the call has an end."""
    module = pytest.importorskip("ocr_core.backends.openvino")
    ends = []
    for stop in itertools.count(1):
        network = module.OpenVinoNetwork(Compiled(), streams=1)
        lines = itertools.count(1)

        def trace(frame, event, _, network=network, lines=lines, stop=stop):
            if frame.f_code.co_filename != module.__file__:
                return None
            if event == "line" and next(lines) == stop:
                closer = threading.Thread(target=network.close, daemon=True)
                closer.start()
                for _ in range(1000):  # it goes as far as it can: where the call has a lock, it waits for the call
                    time.sleep(0)
            return trace

        def call(network=network, trace=trace):
            sys.settrace(trace)
            with suppress(BackendError):
                network(np.zeros((1, 3, 8, 8), np.float32))

        caller = threading.Thread(target=call, daemon=True)
        caller.start()
        caller.join(10)
        ends.append(not caller.is_alive())
        if next(lines) <= stop:
            break
    assert all(ends)
    assert len(ends) > 5


@pytest.mark.parametrize("name", CPU_BACKENDS)
def test_inputs_of_a_wrong_shape_are_named(name, model):
    network = load_backend(name, threads=1).load(model, "detector")
    with pytest.raises(BackendError, match=r"\(1, 4, 8, 8\)"):
        network(np.zeros((1, 4, 8, 8), np.float32))
    assert network(np.zeros((1, 3, 8, 8), np.float32)).shape == (1, 1, 8, 8)


@pytest.mark.parametrize("name", CPU_BACKENDS)
@pytest.mark.parametrize("content", [None, b"", b"no network"])
def test_files_that_are_no_networks_are_named(name, content, tmp_path):
    path = tmp_path / "damaged.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BackendError, match=r"recognizer damaged\.onnx"):
        load_backend(name, threads=1).load(path, "recognizer")


def test_openvino_keeps_what_it_compiled(model, tmp_path):
    pytest.importorskip("openvino")
    load_backend("openvino", threads=1, cache_dir=tmp_path / "cache").load(model, "detector")
    assert any((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(("precision", "loads"), [("auto", True), ("bf16", False)])
def test_openvino_computes_in_float32_what_it_cannot_in_bfloat16(precision, loads, model, monkeypatch):
    core = pytest.importorskip("openvino").Core()

    class Core:
        """A CPU plugin that knows this network in float32 alone."""

        def compile_model(self, path, device, settings):
            if settings.get("INFERENCE_PRECISION_HINT") != "f32":
                raise RuntimeError("No suitable implementations")
            return core.compile_model(path, device, settings)

    monkeypatch.setattr("openvino.Core", Core)
    backend = load_backend("openvino", threads=1, precision=precision)
    if loads:
        batch = np.ones((1, 3, 8, 8), np.float32)
        assert backend.load(model, "detector")(batch) == pytest.approx(expected(batch), abs=1e-4)
    else:
        with pytest.raises(BackendError, match="No suitable implementations"):
            backend.load(model, "detector")


@pytest.mark.parametrize(("installed", "name"), [(True, "openvino"), (False, "onnxruntime")])
def test_auto_takes_openvino_where_it_is_installed(installed, name, monkeypatch):
    if installed:
        pytest.importorskip("openvino")
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: object() if installed else None)
    assert load_backend("auto", threads=1).name == name


def test_threads_default_to_the_cores_that_may_be_used(monkeypatch):
    monkeypatch.setattr(backends, "available_cores", lambda: 5)
    assert load_backend("onnxruntime").policy.threads == 5


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(BackendUnavailableError, match="'tpu'; there are auto, openvino, onnxruntime, cuda"):
        load_backend("tpu")


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"precision": "f16"}, "no precision 'f16'; there are auto, f32, bf16"),
        ({"precision": None}, "no precision None"),
        ({"threads": 0}, "cannot compute on 0 threads; give 1 or more, or None"),
        ({"threads": -2}, "on -2 threads"),
        ({"threads": "4"}, "on '4' threads"),
        ({"threads": 2.5}, "on 2.5 threads"),
        ({"threads": True}, "on True threads"),
    ],
)
def test_a_wrong_precision_or_number_of_threads_is_refused_in_words(name, wrong, message):
    with pytest.raises(BackendUnavailableError, match=message):
        load_backend(name, **wrong)


def test_a_missing_wheel_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ocr_core.backends.openvino", None)
    with pytest.raises(BackendUnavailableError, match="extra 'cpu'"):
        load_backend("openvino")


def test_cuda_without_its_provider_is_refused(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendUnavailableError, match="extra 'gpu'"):
        load_backend("cuda")


class Session:
    """An onnxruntime session that came up on `provider`."""

    def __init__(self, provider):
        self.provider = provider

    def get_providers(self):
        return [self.provider, "CPUExecutionProvider"]

    def get_inputs(self):
        return [type("Input", (), {"name": "x"})]

    def run(self, outputs, feed):
        return [feed["x"][:, :1]]


@pytest.fixture
def cuda(monkeypatch):
    """The CUDA backend on a machine that may have none; sessions come up on the provider in the returned list."""
    provider = ["CUDAExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *args, **kwargs: Session(provider[0]))
    return load_backend("cuda"), provider


def test_cuda_batches_and_computes(cuda, model):
    backend, _ = cuda
    assert backend.policy.max_batch > 1
    assert backend.load(model, "detector")(np.ones((2, 3, 4, 4), np.float32)).shape == (2, 1, 4, 4)


def test_cuda_fails_closed_when_the_session_falls_back(cuda, model):
    backend, provider = cuda
    provider[0] = "CPUExecutionProvider"
    with pytest.raises(BackendUnavailableError, match="loaded on CPUExecutionProvider, not on CUDAExecutionProvider"):
        backend.load(model, "detector")


def test_the_fake_calls_functions_and_records_shapes(tmp_path):
    backend = FakeBackend({"detector": lambda batch: batch[:, :1] * 2})
    network = backend.load(tmp_path / "none", "detector")
    assert network(np.ones((1, 3, 2, 2), np.float32)).tolist() == [[[[2, 2], [2, 2]]]]
    assert network.shapes == [(1, 3, 2, 2)]
    network.close()
    with pytest.raises(BackendError, match="closed"):
        network(np.ones((1, 3, 2, 2), np.float32))


def test_no_more_calls_run_at_once_than_there_are_streams(model, monkeypatch):
    running, most, lock = 0, 0, threading.Lock()
    pair = threading.Barrier(2)

    class Counted(Session):
        def run(self, outputs, feed):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            pair.wait(timeout=60)  # passes only when two run at once
            with lock:
                running -= 1
            return super().run(outputs, feed)

    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *args, **kwargs: Counted("CPUExecutionProvider"))
    network = load_backend("onnxruntime", threads=2).load(model, "detector")
    batch = np.zeros((1, 3, 4, 4), np.float32)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(network, [batch] * 6))
    assert most == 2


FIRST_CALLS = """
import os, sys, threading
import ocr_core.backends.openvino
import openvino
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
def call():
    together.wait()
    openvino.Type.f32.to_dtype()
threads = [threading.Thread(target=call, daemon=True) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(10)
os._exit(any(thread.is_alive() for thread in threads))
"""


def test_first_inferences_of_several_threads_do_not_wait_for_each_other() -> None:
    pytest.importorskip("openvino")
    ended = [subprocess.run([sys.executable, "-c", FIRST_CALLS], check=False, timeout=60).returncode for _ in range(3)]
    assert ended == [0, 0, 0]
