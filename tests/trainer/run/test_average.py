"""Averages of trained states."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from trainer.checkpoint import portable, read_tensors, write_tensors
from trainer.commands.cli import main
from trainer.config import parse_config
from trainer.errors import ConfigError
from trainer.run.average import average, count_anew
from trainer.run.train import Start, start_from
from trainer.tasks.build import build_task

COUNTER = "num_batches_tracked"


def written(path, table, data, seed):
    """Write a state of random weights and return what it holds."""
    config = parse_config(table)
    torch.manual_seed(seed)
    task = build_task(config, data)
    for name, tensor in task.student.state_dict().items():
        if name.endswith(COUNTER):
            tensor.fill_(seed)
    write_tensors(path, portable(task.student), {"config": config.model_dump(mode="json"), "step": seed, "figures": {}})
    return read_tensors(path)[0]


@pytest.fixture
def states(detector_table, data, tmp_path):
    paths = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    return paths, [written(path, detector_table, data, seed) for seed, path in enumerate(paths)]


def test_a_mean_is_weighted(states, tmp_path):
    paths, (a, b) = states
    average(paths, tmp_path / "mean.safetensors", [1.0, 3.0])
    mean, _ = read_tensors(tmp_path / "mean.safetensors")
    assert mean.keys() == b.keys()
    for name, tensor in mean.items():
        if name.endswith(COUNTER):
            assert int(tensor) == 1
        else:
            assert torch.allclose(tensor.float(), (a[name].float() + 3 * b[name].float()) / 4, atol=1e-2), name


def test_the_mean_of_a_state_with_itself_is_that_state(states, tmp_path):
    paths, (a, _) = states
    average([paths[0], paths[0]], tmp_path / "mean.safetensors")
    assert all(torch.equal(tensor, a[name]) for name, tensor in read_tensors(tmp_path / "mean.safetensors")[0].items())


def test_a_run_starts_from_a_mean(states, detector_table, data, tmp_path):
    average(states[0], tmp_path / "mean.safetensors")
    start_from(build_task(parse_config(detector_table), data), Start(tmp_path / "mean.safetensors"))


def test_characters_of_the_last_state_alone_keep_its_weights(recognizer_table, data, tmp_path):
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    a = written(old, recognizer_table, data, 1)["head.classify.bias"]
    b = written(new, recognizer_table | {"characters": "λ0123456789"}, data, 2)["head.classify.bias"]
    average([old, new], tmp_path / "mean.safetensors")
    mean = read_tensors(tmp_path / "mean.safetensors")[0]["head.classify.bias"]
    assert mean[1] == b[1]
    assert torch.allclose(mean[2:], (a[1:] + b[2:]) / 2)
    assert mean[0] == (a[0] + b[0]) / 2


@pytest.mark.parametrize("kind", ["detector", "recognizer"])
def test_batch_norm_is_counted_over_training_batches(kind, request, data, tmp_path):
    config = parse_config(request.getfixturevalue(f"{kind}_table"))
    path = tmp_path / "state.safetensors"
    task = build_task(config, data)
    for layer in task.student.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.fill_(100.0)
    write_tensors(path, portable(task.student), {"config": config.model_dump(mode="json")})
    before, _ = read_tensors(path)
    count_anew(path, config, data, 2)
    after, meta = read_tensors(path)
    means = [name for name in after if name.endswith("running_mean")]
    assert means
    assert all(after[name].abs().max() < 50 for name in means)
    weights = [name for name in after if not name.endswith(("running_mean", "running_var", COUNTER))]
    assert all(torch.equal(after[name], before[name]) for name in weights)
    assert parse_config(meta["config"]) == config
    with pytest.raises(ConfigError, match="one batch"):
        count_anew(path, config, data, 0)


@pytest.mark.parametrize(
    "weights", [[1.0], [1.0, 0.0], [1.0, float("nan")], [1.0, float("inf")], [1e308, 1e308], [1.0, 1.0, 1.0]]
)
def test_weights_must_fit(states, weights, tmp_path):
    with pytest.raises(ConfigError, match="2 states need 2 weights"):
        average(states[0], tmp_path / "mean.safetensors", weights)


def test_networks_must_be_the_same(states, recognizer_table, data, tmp_path):
    paths, _ = states
    written(tmp_path / "other.safetensors", recognizer_table, data, 0)
    with pytest.raises(ConfigError, match="another network"):
        average([tmp_path / "other.safetensors", paths[0]], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()


def test_the_command(states, tmp_path, capsys):
    paths = [str(path) for path in states[0]]
    out = tmp_path / "new" / "mean.safetensors"
    assert main(["average", *paths, "--out", str(out), "--weights", "1", "1"]) == 0
    assert out.exists()
    assert main(["average", paths[0], "--out", str(out)]) == 78
    assert "two states" in capsys.readouterr().err
    assert main(["average", paths[0], str(tmp_path / "none"), "--out", str(out)]) == 78


def test_nothing_is_left_where_batches_to_count_do_not_fit(states, recognizer_table, data, tmp_path, capsys):
    config, out = tmp_path / "other.json", tmp_path / "mean.safetensors"
    config.write_text(json.dumps(recognizer_table))
    command = ["average", *map(str, states[0]), "--out", str(out), "--data", str(data), "--count", str(config)]
    assert main(command) == 78
    assert "does not fit" in capsys.readouterr().err
    assert not out.exists()


def test_batches_are_counted_by_the_command(states, detector_table, data, tmp_path):
    config, out = tmp_path / "same.json", tmp_path / "mean.safetensors"
    config.write_text(json.dumps(detector_table))
    counted = ["--data", str(data), "--count", str(config), "--batches", "1"]
    assert main(["average", *map(str, states[0]), "--out", str(out), *counted]) == 0
    assert int(next(tensor for name, tensor in read_tensors(out)[0].items() if name.endswith(COUNTER))) == 1


def test_a_folder_in_place_of_the_file_is_refused(states, tmp_path, capsys):
    before = set(tmp_path.iterdir()) | {tmp_path / "out"}
    (tmp_path / "out").mkdir()
    assert main(["average", *map(str, states[0]), "--out", str(tmp_path / "out")]) == 78
    assert "cannot be written" in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_a_state_whose_configuration_is_no_table_is_refused(states, tmp_path):
    write_tensors(states[0][0], states[1][0], {"config": [1]})
    with pytest.raises(ConfigError, match=r"a\.safetensors"):
        average(states[0], tmp_path / "mean.safetensors")
