"""Untrained networks as ONNX files, to be timed."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_core.bundle.onnx_files import OnnxModel
from trainer.commands.cli import main
from trainer.commands.export_net import CLASSES, NAMES


@pytest.mark.parametrize(
    ("name", "shape", "answer"),
    [
        ("mobilenet_v2_x0_75", (1, 3, 224, 224), (1, 1000)),
        ("direction", (2, 3, 48, 192), (2, 2)),
        ("detector_mobile", (1, 3, 96, 64), (1, 1, 96, 64)),
        ("recognizer_v2", (1, 3, 32, 64), (1, 16, CLASSES)),
    ],
)
def test_a_network_is_written_with_random_weights_that_keep_signals_alive(name, shape, answer, tmp_path, capsys):
    path = tmp_path / "net.onnx"
    assert main(["export-net", name, "--out", str(path)]) == 0
    assert float(capsys.readouterr().out.rpartition(" ")[2]) < 1e-3
    output = OnnxModel(path).run(np.random.default_rng(1).normal(size=shape).astype(np.float32))
    assert output.shape == answer
    assert 1e-9 < output.std() < 1e3


def test_the_same_weights_each_time(tmp_path):
    for number in (1, 2):
        assert main(["export-net", "direction", "--out", str(tmp_path / f"{number}.onnx")]) == 0
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()


def test_all_systems_of_the_paper_are_there():
    assert len(NAMES) == 12
    assert {f"recognizer_{system}" for system in ("mobile", "server", "v2")} < set(NAMES)
