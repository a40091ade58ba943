"""Classes carried to another charset: what was known stays known."""

from __future__ import annotations

import pytest
import torch

from ocr_core.charset import Charset
from trainer.checkpoint import portable, write_tensors
from trainer.config import parse_config
from trainer.errors import ConfigError
from trainer.run.classes import ROWS, UNLIKELY, carried
from trainer.run.train import Start, start_from
from trainer.tasks.build import build_task

OLD, NEW = Charset("012"), Charset("20λ1")
WEIGHT, BIAS = ROWS


def state(classes: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(classes)
    return {WEIGHT: torch.rand(classes, 3), BIAS: torch.rand(classes), "other": torch.rand(2)}


def test_rows_follow_their_characters():
    old, own = state(4), state(5)
    found = carried(old, OLD, NEW, own)
    assert torch.equal(found[WEIGHT][[0, 1, 2, 4]], old[WEIGHT][[0, 3, 1, 2]])
    assert torch.equal(found[BIAS][[0, 1, 2, 4]], old[BIAS][[0, 3, 1, 2]])
    assert torch.equal(found["other"], old["other"])


def test_new_characters_are_unlikely_at_first():
    old, own = state(4), state(5)
    found = carried(old, OLD, NEW, own)
    assert torch.equal(found[WEIGHT][3], own[WEIGHT][3])
    assert float(found[BIAS][3]) == pytest.approx(float(own[BIAS][3] + old[BIAS].min()) - UNLIKELY)


def test_a_run_starts_from_a_state_of_another_charset(recognizer_table, data, tmp_path):
    before = parse_config(recognizer_table)
    task = build_task(before, data)
    meta = {"config": before.model_dump(mode="json")}
    write_tensors(tmp_path / "state.safetensors", portable(task.student), meta)
    after = parse_config(recognizer_table | {"characters": "0123456789λ"})
    wider = build_task(after, data)
    start_from(wider, Start(tmp_path / "state.safetensors"), run=after)
    rows = wider.student.head.classify.weight
    assert torch.allclose(rows[:11], task.student.head.classify.weight, atol=1e-2)
    with pytest.raises(ConfigError, match="does not fit"):
        start_from(wider, Start(tmp_path / "state.safetensors"))
