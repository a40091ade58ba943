"""What states are worth on validation rows."""

from __future__ import annotations

import json

import pytest
import torch

from trainer.centers import write_centers
from trainer.commands.cli import main
from trainer.config import parse_config
from trainer.errors import ConfigError
from trainer.losses.center import Centers
from trainer.run.train import Start, train
from trainer.run.validate import validate


@pytest.mark.parametrize("kind", ["detector", "recognizer"])
def test_a_state_is_judged_as_its_run_was(kind, request, data, tmp_path):
    config = parse_config(request.getfixturevalue(f"{kind}_table"))
    train(config, tmp_path / "run", data, Start())
    rows = map(json.loads, (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines())
    (logged,) = [row for row in rows if row["event"] == "validation"]
    state = tmp_path / "run" / "state.safetensors"
    first, second = validate(config, [state, state], data)
    assert first == second
    assert first == pytest.approx({name: logged[name] for name in first}, abs=1e-6)


def test_a_state_of_enhanced_ctc_is_judged_by_its_own_configuration(recognizer_table, data, runs, tmp_path):
    (state,) = runs.glob("rec/*.safetensors")
    charset = parse_config(recognizer_table).charset
    write_centers(tmp_path / "centers", Centers(torch.rand(11, 96), torch.arange(11)), charset, state)
    config = parse_config(recognizer_table | {"method": {"centers": str(tmp_path / "centers")}})
    train(config, tmp_path / "run", data, Start(state))
    (figures,) = validate(config, [tmp_path / "run" / "state.safetensors"], data)
    assert 0 <= figures["acc"] <= 1


def test_a_state_that_does_not_fit_is_refused(recognizer_table, detector_table, data, runs):
    (state,) = runs.glob("det/*.safetensors")
    with pytest.raises(ConfigError, match="does not fit"):
        list(validate(parse_config(recognizer_table), [state], data))


def test_the_command_prints_a_line_a_state(recognizer_table, data, runs, tmp_path, capsys):
    path = tmp_path / "rec.json"
    path.write_text(json.dumps(recognizer_table))
    (state,) = runs.glob("rec/*.safetensors")
    assert main(["validate", str(path), "--data", str(data), "--states", str(state), str(state)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["state"] for row in rows] == [str(state)] * 2
    assert rows[0] == rows[1]
    assert 0 <= rows[0]["acc"] <= 1
