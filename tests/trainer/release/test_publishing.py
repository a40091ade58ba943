"""From states to a bundle: the same network, the gate, and what the manifest says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ocr_core.bundle.manifest import Score
from ocr_core.bundle.store import open_store
from ocr_core.specs import FaintText
from trainer.checkpoint import read_tensors
from trainer.config import PublishConfig, parse_config
from trainer.errors import ConfigError, GateError
from trainer.release import bundling
from trainer.release.export import compare, export_onnx, export_state, load_trained
from trainer.release.gate import check_gate
from trainer.release.publish import publish

SOURCE = {"kind": "labels", "path": "pages", "rows": "all", "limit": 3}


def publication(**fields) -> PublishConfig:
    table = {
        "name": "tiny",
        "detector": "det/state.safetensors",
        "recognizer": "rec/state.safetensors",
        "golden": "123",
        "validate_on": [SOURCE],
        "floor": 0.0,
    }
    return PublishConfig.model_validate(table | fields)


def scored(value: float, metric: str = "word_f1") -> tuple[Score, ...]:
    return (Score(dataset="a", metric=metric, value=value, images=3),)


@pytest.mark.parametrize(
    ("value", "current", "floor"),
    [
        pytest.param(0.90, 0.90, None, id="as good"),
        pytest.param(0.895, 0.90, None, id="worse, within the margin"),
        pytest.param(0.99, 0.90, 1.0, id="the floor is for the first alone"),
        pytest.param(0.80, None, 0.80, id="first, at the floor"),
    ],
)
def test_the_gate_opens(value, current, floor):
    check_gate(scored(value), None if current is None else scored(current), publication(floor=floor, margin=0.01))


@pytest.mark.parametrize(
    ("value", "current", "floor", "message"),
    [
        pytest.param(0.88, 0.90, None, "below 0.8900", id="worse than the current one by more than the margin"),
        pytest.param(0.79, None, 0.80, "below the floor", id="first, below the floor"),
        pytest.param(0.99, None, None, "needs a floor", id="first, without a floor"),
    ],
)
def test_the_gate_stays_shut(value, current, floor, message):
    with pytest.raises(GateError, match=message):
        check_gate(scored(value), None if current is None else scored(current), publication(floor=floor, margin=0.01))


def test_the_gate_looks_at_the_mean_of_its_own_figure():
    several = (*scored(1.0), *scored(0.5), *scored(0.0, "char_f1"))
    check_gate(several, None, publication(floor=0.75))
    with pytest.raises(GateError):
        check_gate(several, None, publication(floor=0.75, metric="char_f1"))


@pytest.mark.parametrize(
    ("name", "shape"), [("rec", (3, 1, 32, 88)), ("det", (2, 3, 64, 128)), ("cls", (5, 3, 48, 192))]
)
def test_exported_networks_compute_what_torch_does(name, shape, runs):
    state = runs / name / "state.safetensors"
    assert export_state(state, runs / "x.onnx") < 1e-5
    trained = load_trained(state)
    batch = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    assert compare(trained.network, runs / "x.onnx", [batch]) < 1e-5


def test_another_network_than_the_exported_is_noticed(runs, monkeypatch):
    trained = load_trained(runs / "rec" / "state.safetensors")
    monkeypatch.setattr("trainer.release.export.compare", lambda *_: 3e-4)  # rounding of a steep map
    assert export_onnx(trained, runs / "x.onnx", [np.zeros((1, 1, 32, 48), np.float32)]) == 3e-4
    monkeypatch.setattr("trainer.release.export.compare", lambda *_: 2e-3)
    with pytest.raises(GateError, match="differs from torch"):
        export_onnx(trained, runs / "x.onnx", [np.zeros((1, 1, 32, 48), np.float32)])


def test_the_student_of_a_distilled_run_is_exported(recognizer_table, data, tmp_path):
    from trainer.run.train import train

    train(parse_config(recognizer_table | {"method": {"distill": "udml"}}), tmp_path, data)
    checkpoint, _ = read_tensors(tmp_path / "checkpoint.safetensors")
    exported = load_trained(tmp_path / "state.safetensors").network.head.classify.weight
    assert torch.allclose(exported, checkpoint["ema.head.classify.weight"], rtol=2**-8)
    assert not torch.allclose(exported, checkpoint["model.peer.head.classify.weight"], rtol=0.1)


@pytest.fixture
def believes(monkeypatch):
    """Networks that learned nothing read nothing: say that they read the golden image."""
    monkeypatch.setattr(bundling, "read_golden", lambda bundle: bundle.manifest.golden.text)


@pytest.mark.usefixtures("believes")
def test_a_published_bundle_is_current_and_says_what_it_is(runs, data):
    store = open_store(runs / "store")
    fields = {"widths": (64, 96, 128), "licence": "Apache-2.0", "classifier": "cls/state.safetensors"}
    fields["serving"] = {"max_side": 192, "fine_pixels": 40_000, "faint_threshold": 0.2, "faint_most_lines": 5}
    done = publish(publication(**fields), store, data, runs)
    manifest = store.open("tiny").manifest
    assert store.current("tiny") == manifest.version == done.bundle.manifest.version
    assert manifest.scores == done.scores == done.compared
    assert {score.metric for score in manifest.scores} == {"word_f1", "char_f1", "det_h", "e2e_h"}
    assert all(score.dataset == "pages" and score.images == 3 for score in manifest.scores)
    assert manifest.models.recognizer.characters == tuple("0123456789")
    assert manifest.models.recognizer.widths == (64, 96, 128)
    assert manifest.models.recognizer.normalization.color == "gray"
    assert (manifest.models.detector.resize.max_side, manifest.models.detector.resize.fine_pixels) == (192, 40_000)
    assert manifest.models.detector.faint == FaintText(threshold=0.2, box_threshold=0.3, most_lines=5)
    assert manifest.models.classifier.threshold == 0.9
    assert manifest.models.detector.normalization.mean == (0.485, 0.456, 0.406)
    assert (manifest.golden.text, manifest.origin.licence) == (("123",), "Apache-2.0")
    assert manifest.origin.config_sha256 is not None


@pytest.mark.usefixtures("believes")
def test_a_second_recognizer_and_half_precision_are_published(runs, data):
    store = open_store(runs / "store")
    second = {"recognizer": "rec/state.safetensors", "below": 0.8}
    done = publish(publication(second=second, half=True), store, data, runs)
    bundle = store.open("tiny")
    models = bundle.manifest.models
    assert (models.second.below, models.second.characters) == (0.8, models.recognizer.characters)
    assert [score.value for score in done.scores] == pytest.approx([score.value for score in done.compared], abs=0.05)


def test_weights_of_half_precision_compute_nearly_the_same(runs):
    trained = load_trained(runs / "rec" / "state.safetensors")
    batch = np.random.default_rng(1).uniform(-1, 1, (3, 1, 32, 88)).astype(np.float32)
    assert export_onnx(trained, runs / "whole.onnx", [batch]) < 1e-5
    assert 0 < export_onnx(trained, runs / "half.onnx", [batch], half=True) < 5e-3
    assert (runs / "half.onnx").stat().st_size < 0.7 * (runs / "whole.onnx").stat().st_size


def test_a_bundle_that_cannot_read_its_golden_image_is_not_published(runs, data):
    store = open_store(runs / "store")
    with pytest.raises(GateError, match="golden"):
        publish(publication(), store, data, runs, force=True)
    assert store.list() == ()


def test_the_first_golden_text_that_it_reads_is_taken(runs, data, monkeypatch):
    monkeypatch.setattr(bundling, "read_golden", lambda bundle: tuple(t[:3] for t in bundle.manifest.golden.text))
    store = open_store(runs / "store")
    publish(publication(golden=("1234", "567", "890")), store, data, runs)
    assert store.open("tiny").manifest.golden.text == ("567",)
    with pytest.raises(GateError, match=r"\['123'\] instead of \['1234'\], \['567'\] instead of \['5678'\]"):
        publish(publication(golden=("1234", "5678")), store, data, runs)


@pytest.mark.usefixtures("believes")
def test_the_gate_can_be_forced(runs, data):
    store = open_store(runs / "store")
    with pytest.raises(GateError, match="below the floor"):
        publish(publication(floor=0.5), store, data, runs)
    assert store.list() == ()
    publish(publication(floor=0.5), store, data, runs, force=True)
    assert len(store.list()) == 1


def test_states_of_the_wrong_kind_are_refused(runs, data):
    both_read = publication(detector="rec/state.safetensors")
    with pytest.raises(ConfigError, match="detector: the state given is that of a recognizer"):
        publish(both_read, open_store(runs / "store"), data, runs)
