"""bf16 where the processor has it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.checkpoint import read_tensors
from trainer.config import parse_config
from trainer.run.bf16 import computes_bf16
from trainer.run.train import train

ZEN_3 = "processor\t: 0\nflags\t\t: fpu sse2 avx2 fma\n"


@pytest.mark.parametrize(
    ("cpuinfo", "has"),
    [
        (ZEN_3, False),
        (ZEN_3.replace("fma", "avx512f avx512_bf16"), True),
        ("flags\t\t: avx512_bf16_of_another_name\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("Features\t: fp asimd\n", False),
        ("no such line\n", True),
    ],
)
def test_processors_are_asked(tmp_path: Path, cpuinfo: str, has: bool) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert computes_bf16(tmp_path / "cpuinfo") is has


def test_a_system_that_does_not_tell_is_believed_to_have_it(tmp_path: Path) -> None:
    assert computes_bf16(tmp_path / "none")


def test_without_it_training_goes_on_in_f32_and_says_so(recognizer_table, data, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("trainer.run.loop.computes_bf16", lambda: False)
    ends = {}
    for amp in ("off", "bf16"):
        config = parse_config(recognizer_table | {"compute": recognizer_table.get("compute", {}) | {"amp": amp}})
        train(config, tmp_path / amp, data)
        ends[amp] = read_tensors(tmp_path / amp / "checkpoint.safetensors")[0]
        assert ("has no bf16" in caplog.text) is (amp == "bf16")
    assert all(torch.equal(ends["off"][name], ends["bf16"][name]) for name in ends["off"])
