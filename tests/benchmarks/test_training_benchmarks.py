"""Memorising, training speed, and the networks of Tables 4 and 5."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from benchmarks import memorise, networks, runs, table4, table5, training
from ocr_core.backends.fake import FakeBackend
from ocr_core.errors import BackendUnavailableError
from trainer.commands.export_net import NAMES
from trainer.config import load_config


@pytest.fixture
def backend():
    return FakeBackend(
        {
            "classifier": lambda batch: batch[:, 0, 0, :2],
            "detector": lambda batch: batch[:, :1],
            "recognizer": lambda batch: np.full((len(batch), batch.shape[3] // 4, 6625), 1 / 6625, np.float32),
        }
    )


def result(monkeypatch, main, tmp_path, *options):
    out = tmp_path / "out.json"
    monkeypatch.setattr("sys.argv", ["benchmark", "--out", str(out), *options])
    main()
    return json.loads(out.read_text())


def test_memorising_tells_what_each_run_reached(monkeypatch, tmp_path, fake_trainer):
    fake_trainer.value = 0.97
    work = tmp_path / "work"
    found = result(monkeypatch, memorise.main, tmp_path, "--work", str(work))["runs"]
    assert list(found) == list(memorise.RECIPES)
    assert found["det-cml"]["hmean"] == found["rec"]["acc"] == 0.97
    assert f"method.teacher={work / 'det' / runs.STATE}" in fake_trainer.runs[-1][1]


def test_the_first_third_of_a_speed_run_warms_up(tmp_path, fake_trainer, monkeypatch):
    rates = iter([(1.0, 0.9), (10.0, 0.0), (30.0, 0.4)])
    monkeypatch.setattr(
        runs.Run,
        "rows",
        lambda run, event: [{"images_per_second": rate, "share_waiting": share} for rate, share in rates],
    )
    speed, waiting = training.speed("det", tmp_path, 3, [])
    assert speed == pytest.approx(2 / (1 / 10 + 1 / 30))
    assert waiting == pytest.approx((0.4 / 30) / (1 / 10 + 1 / 30))


def test_training_speed_is_taken_of_every_case(monkeypatch, tmp_path, fake_trainer):
    monkeypatch.setattr(training, "rendering", lambda seconds: {"lines_per_s": 1.0})
    report = result(monkeypatch, training.main, tmp_path, "--precisions", "off", "--steps", "6")
    assert report["training"]["det, CML"] == {"off img/s": pytest.approx(32.0), "off waiting": pytest.approx(0.25)}
    assert report["training"].keys() == training.CASES.keys()


@pytest.mark.parametrize("title", training.CASES)
def test_every_case_is_a_configuration_of_the_trainer(title):
    kind, changes = training.CASES[title]
    more = [change.format(teacher="t") for change in changes]
    config = load_config(training.CONFIG[kind], training.overrides(kind, 6, [*more, "compute.amp=bf16"]))
    assert config.schedule.steps == 6
    assert config.compute.log_every == 2


@pytest.mark.parametrize("name", memorise.RECIPES)
def test_every_memory_is_a_configuration_of_the_trainer(name):
    recipe = memorise.RECIPES[name]
    config = load_config(memorise.MEMORISE / f"{recipe.config}.toml", [c.format(teacher="t") for c in recipe.changes])
    (learned,), (judged,) = config.data.train, config.data.validate_on
    assert learned == judged
    assert learned.count == (500 if recipe.metric == "acc" else 24)


def test_the_trainer_knows_the_networks_that_are_timed():
    assert {*table4.PAPER_MS, *table5.NETWORKS} <= set(NAMES)


def test_what_a_machine_lacks_is_left_out(monkeypatch, capsys, backend):
    def load(name, *, threads, precision):
        if name == "cuda":
            raise BackendUnavailableError("no GPU")
        return backend

    monkeypatch.setattr(networks, "load_backend", load)
    assert networks.engines(["onnxruntime", "cuda"], threads=1) == {"onnxruntime": backend}
    assert "cuda: left out, no GPU" in capsys.readouterr().err


def test_a_failing_trainer_ends_the_benchmark_with_its_code(capsys):
    with pytest.raises(SystemExit, match="78"):
        runs.trainer("train", "absent.toml")
    assert "absent.toml" in capsys.readouterr().err


def test_table_4_times_one_image_at_a_time(backend, tmp_path):
    times = table4.measure(backend, dict.fromkeys(table4.PAPER_MS, tmp_path), runs=3)
    assert times.keys() == table4.PAPER_MS.keys()
    assert all(ms >= 0 for ms in times.values())
    assert backend.networks["classifier"].shapes == [(1, 3, 224, 224)] * len(times) * (3 + table4.WARM_UP)


def test_table_5_searches_pages_and_reads_labelled_lines(backend, tmp_path):
    files = {name: tmp_path / f"{name}.onnx" for name in table5.NETWORKS}
    for path in files.values():
        path.touch()
    quad = np.array([[10, 10], [170, 10], [170, 42], [10, 42]], np.float32)
    page = np.zeros((1920, 960, 3), np.uint8), [quad, quad]
    times = table5.measure(backend, files, {}, [page])
    assert times.keys() == table5.SYSTEMS.keys()
    rounds = 2 * len(table5.SYSTEMS)
    assert backend.networks["detector"].shapes == [(1, 3, 960, 512)] * rounds
    assert backend.networks["recognizer"].shapes == [(1, 3, 32, 160)] * 2 * rounds


@pytest.mark.slow
def test_tables_4_and_5_from_export_to_print(monkeypatch, tmp_path):
    page = tmp_path / "data" / "pages"
    page.mkdir(parents=True)
    cv2.imwrite(str(page / "a.png"), np.full((64, 96, 3), 255, np.uint8))
    line = {"points": [[5, 5], [90, 5], [90, 25], [5, 25]], "text": "a", "ignore": False}
    (page / "labels.jsonl").write_text(json.dumps({"image": "a.png", "lines": [line], "granularity": "line"}) + "\n")
    fast = ("--engines", "onnxruntime")
    trained = ("--bundles", "ppocrv2-en", "--store", str(networks.ROOT / "models"))
    report = result(monkeypatch, table5.main, tmp_path, "--data", str(page.parent), *fast, *trained)
    assert report["pages"] == 1
    assert sum(report["megabytes"]["PP-OCRv2"]) == pytest.approx(10.6, abs=0.5)
    assert sum(report["megabytes"]["ppocrv2-en"]) == pytest.approx(8.5, abs=0.2)
    assert report["milliseconds"]["onnxruntime"].keys() == table5.SYSTEMS.keys() | {"ppocrv2-en"}
    assert report["hmean"] == {"ppocrv2-en": 0.0}
    report = result(monkeypatch, table4.main, tmp_path, "--runs", "1", *fast)
    assert set(report["milliseconds"]["onnxruntime"]) == set(table4.PAPER_MS)
