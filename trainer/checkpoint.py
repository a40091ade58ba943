"""Files of weights: checkpoints that resume bit for bit, and small portable states. Safetensors, never pickles.

Every file is written aside and renamed, so that a reader, or a run killed while writing, never meets half a file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from trainer.errors import ConfigError


def write_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors and JSON metadata as one file, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    # A clone each: tied or sliced storage cannot be written, and channels_last weights are stored row-major.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    try:
        aside.write_bytes(save(plain, metadata={"json": json.dumps(meta, sort_keys=True)}))
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the metadata of a file.

    Raises:
        ConfigError: the file is missing, damaged or not one of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {})["json"])
            if not isinstance(meta, dict):
                raise ValueError(f"its metadata is a {type(meta).__name__}")
            return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not a file of weights written by this trainer: {error}") from error


def file_sha256(path: Path) -> str:
    """Return the digest of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: {error}") from error


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's tensors by `parameter/name`."""
    state = optimizer.state_dict()["state"]
    return {f"{index}/{name}": torch.as_tensor(value) for index, slot in state.items() for name, value in slot.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give back what `flatten_optimizer` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def portable(module: nn.Module) -> dict[str, Tensor]:
    """Return a module's state in bf16; vectors (biases, batch norm) stay in fp32: they are small and sensitive."""
    return rounded(module.state_dict())


def rounded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as a portable state has them."""
    return {
        name: tensor.to(torch.bfloat16) if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        for name, tensor in tensors.items()
    }


Adapter = Callable[[Mapping[str, Tensor], Mapping[str, Any]], Mapping[str, Tensor]]
"""Fits the tensors of a state, whose metadata it is given too, to another network."""


def load_weights(module: nn.Module, path: Path, fresh: tuple[str, ...] = (), adapt: Adapter | None = None) -> int:
    """Load a portable state into `module` and return how many tensors were loaded.

    Every tensor must be there and fit, but for those whose name starts with one of `fresh`: these keep their random
    start where they do not fit. Weights that silently stay random are the commonest trouble of fine-tuning.

    Raises:
        ConfigError: a tensor is missing, left over or of another shape.
    """
    found, meta = read_tensors(path)
    tensors = adapt(found, meta) if adapt else found
    own = module.state_dict()
    fitting = {name: t for name, t in tensors.items() if name in own and own[name].shape == t.shape}
    unloaded = sorted(name for name in own.keys() | tensors.keys() if name not in fitting)
    wrong = [name for name in unloaded if not name.startswith(fresh)] if fresh else unloaded
    if wrong:
        shown = ", ".join(wrong[:5]) + (", …" if len(wrong) > 5 else "")
        raise ConfigError(f"{path} does not fit this network: {len(wrong)} tensors differ ({shown})")
    module.load_state_dict(fitting, strict=False)
    return len(fitting)


def split_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors below `prefix`, named without it."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
