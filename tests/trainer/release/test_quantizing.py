"""From a bundle of floats to one of 8-bit integers: nearly the same network, behind a gate."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from ocr_core.bundle.store import open_store
from trainer.config import PublishConfig, QuantizeConfig
from trainer.errors import ConfigError, GateError
from trainer.release import bundling, quantize
from trainer.release.export import export_state
from trainer.release.publish import publish
from trainer.release.quantize import quantize_onnx

PAGES = {"kind": "labels", "path": "pages", "rows": "all", "limit": 2}
SHAPES = {"detector": (1, 3, 64, 96), "recognizer": (1, 1, 32, 96)}

# NNCF and what it stands on warn of things that only they can change.
pytestmark = pytest.mark.filterwarnings("default")


def inputs(shape: tuple[int, ...], count: int = 8) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.uniform(-1, 1, shape).astype(np.float32) for _ in range(count)]


@pytest.fixture
def store(runs, data, monkeypatch):
    """A store with the bundle `tiny` of networks that learned nothing, which are said to read their golden images."""
    monkeypatch.setattr(bundling, "read_golden", lambda bundle: bundle.manifest.golden.text)
    monkeypatch.setattr(quantize, "check_golden", lambda bundle, read: None)
    states = {"detector": "det/state.safetensors", "recognizer": "rec/state.safetensors"}
    config = PublishConfig.model_validate({"name": "tiny", "validate_on": [PAGES], "floor": 0.0} | states)
    store = open_store(runs / "store")
    publish(config, store, data, runs)
    return store


def recipe(**fields) -> QuantizeConfig:
    table = {"name": "tiny-int8", "source": "tiny", "validate_on": [PAGES], "calibrate_on": [PAGES]}
    return QuantizeConfig.model_validate(table | fields)


def test_a_quantized_network_computes_nearly_the_same_in_integers(runs):
    floats, integers = runs / "floats.onnx", runs / "integers.onnx"
    export_state(runs / "rec" / "state.safetensors", floats)
    quantize_onnx(floats, integers, "x", inputs(SHAPES["recognizer"]))
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(integers).graph.node}
    (probe,) = inputs((2, 1, 32, 160), 1)
    exact, rounded = (onnxruntime.InferenceSession(path).run(None, {"x": probe})[0] for path in (floats, integers))
    assert 0 < np.abs(exact - rounded).max() < 0.05


def test_a_quantized_bundle_is_published_beside_its_source(store, data, monkeypatch):
    monkeypatch.setattr(
        quantize, "calibration_inputs", lambda *_: {role: inputs(shape) for role, shape in SHAPES.items()}
    )
    done = quantize.quantize(recipe(), store, data)
    before, after = store.open("tiny"), store.open("tiny-int8")
    assert done.bundle.ref == after.ref
    assert after.manifest.origin.source == f"{before.ref}, quantized"
    assert after.manifest.models.recognizer.characters == before.manifest.models.recognizer.characters
    for role in SHAPES:
        mine, its = (getattr(bundle.manifest.models, role).weights for bundle in (after, before))
        assert mine.bytes < its.bytes, role
        assert mine.sha256 != its.sha256


def test_what_one_network_keeps_in_floats_the_other_need_not_have(store, data, monkeypatch):
    monkeypatch.setattr(
        quantize, "calibration_inputs", lambda *_: {role: inputs(shape) for role, shape in SHAPES.items()}
    )
    done = quantize.quantize(recipe(keep=[".*head/classify.*"]), store, data)
    recognizer = onnx.load(done.bundle.file(done.bundle.manifest.models.recognizer.weights)).graph
    producers = {output: node.op_type for node in recognizer.node for output in node.output}
    (last,) = [node for node in recognizer.node if node.op_type == "MatMul" and "classify" in node.name]
    assert producers.get(last.input[0]) != "DequantizeLinear"


def test_one_that_reads_worse_is_not_published(store, data, monkeypatch):
    monkeypatch.setattr(
        quantize, "calibration_inputs", lambda *_: {role: inputs(shape) for role, shape in SHAPES.items()}
    )
    means = iter([0.90, 0.85] * 3)
    monkeypatch.setattr(quantize, "mean", lambda *_: next(means))
    with pytest.raises(GateError, match=r"0\.0500 below that of tiny@"):
        quantize.quantize(recipe(margin=0.01), store, data)
    assert [entry.name for entry in store.list()] == ["tiny"]


def test_pages_that_show_a_network_nothing_are_refused(store, data):
    with pytest.raises(ConfigError, match="the recognizer nothing to do"):
        quantize.quantize(recipe(), store, data)


def test_the_inputs_of_a_call_are_recorded(store, data):
    seen = quantize.calibration_inputs(store.open("tiny"), recipe(), data)
    assert [batch.shape for batch in seen["detector"]] == [(1, 3, 160, 160)] * 2
