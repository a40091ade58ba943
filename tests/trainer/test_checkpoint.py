"""Files of weights: whole or not there, exact or small, and never loaded in part without a word."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save
from torch import nn

from trainer.checkpoint import (
    flatten_optimizer,
    load_weights,
    portable,
    read_tensors,
    restore_optimizer,
    write_tensors,
)
from trainer.errors import ConfigError


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 1))


def test_tensors_and_metadata_survive(tmp_path):
    tensors = {"a": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last), "b": torch.tensor(7)}
    write_tensors(tmp_path / "deep" / "x.safetensors", tensors, {"step": 3, "text": "ü"})
    read, meta = read_tensors(tmp_path / "deep" / "x.safetensors")
    assert meta == {"step": 3, "text": "ü"}
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_a_file_is_replaced_in_one_step(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.zeros(1)}, {})

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_tensors(path, {"a": torch.ones(1)}, {})
    assert read_tensors(path)[0]["a"] == 0
    assert list(tmp_path.iterdir()) == [path], "what was written aside is gone"


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04pickle", b"\x10" + b"\0" * 30])
def test_files_that_are_no_weights_are_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a file of weights"):
        read_tensors(path)


@pytest.mark.parametrize("meta", ["not json", "[]", "1", "[" * 100_000], ids=lambda meta: meta[:8])
def test_metadata_that_is_no_table_is_refused(tmp_path, meta):
    path = tmp_path / "x.safetensors"
    path.write_bytes(save({"a": torch.zeros(1)}, metadata={"json": meta}))
    with pytest.raises(ConfigError, match="not a file of weights"):
        read_tensors(path)


def test_a_portable_state_is_half_as_large_and_nearly_the_same(tmp_path):
    module = network()
    state = portable(module)
    assert {tensor.dtype for name, tensor in state.items() if "0.weight" in name} == {torch.bfloat16}
    assert state["1.running_var"].dtype == torch.float32
    write_tensors(tmp_path / "s", state, {})
    other = network()
    assert load_weights(other, tmp_path / "s") == len(module.state_dict())
    for ours, theirs in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=2**-8)


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    write_tensors(
        tmp_path / "s", nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 5, 1)).state_dict(), {}
    )
    with pytest.raises(ConfigError, match=r"2 tensors differ \(2.bias, 2.weight\)"):
        load_weights(network(), tmp_path / "s")


def test_weights_of_less_than_the_network_are_refused(tmp_path):
    write_tensors(tmp_path / "s", nn.Sequential(nn.Conv2d(1, 2, 3)).state_dict(), {})
    with pytest.raises(ConfigError, match="7 tensors differ"):
        load_weights(network(), tmp_path / "s")


def test_named_parts_may_start_fresh(tmp_path):
    write_tensors(
        tmp_path / "s", nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 5, 1)).state_dict(), {}
    )
    module = network()
    before = module[2].weight.clone()
    assert load_weights(module, tmp_path / "s", fresh=("2.",)) == 7
    assert torch.equal(module[2].weight, before)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_an_optimiser_goes_on_exactly(kind, tmp_path):
    torch.manual_seed(0)
    inputs = torch.rand(3, 1, 8, 8)

    def step(module, optimizer):
        module(inputs).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    module = network()
    options = {"lr": 0.1} | ({"momentum": 0.9} if kind is torch.optim.SGD else {})
    optimizer = kind(module.parameters(), **options)
    step(module, optimizer)
    twin = network()
    twin.load_state_dict(module.state_dict())
    again = kind(twin.parameters(), **options)
    write_tensors(tmp_path / "o", flatten_optimizer(optimizer), {})
    restore_optimizer(again, read_tensors(tmp_path / "o")[0])
    step(module, optimizer)
    step(twin, again)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), twin.parameters(), strict=True))
