"""Averages of trained states.

What a network learns anew it pays for with what it knew. States that come from one start can be averaged, and the
average keeps most of each (Wortsman et al. 2022, "Model soups" and "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.checkpoint import load_weights, portable, read_tensors, rounded, write_tensors
from trainer.config import AnyRun, RecognizerRun, parse_config
from trainer.data.lines import LEFT_OUT
from trainer.distributed import World
from trainer.errors import ConfigError
from trainer.run.classes import carried
from trainer.tasks.build import build_task


def average(states: Sequence[Path], out: Path, weights: Sequence[float] = ()) -> None:
    """Write the weighted mean of portable states as a state with the configuration of the last.

    A recognizer's classes are those of the last state; what another state has no class for is the last one's alone.

    Args:
        states: two or more of one network; those that have no start in common have a mean that is worth nothing.
        out: the file to write.
        weights: of the states, above 0, scaled to sum to 1; none: all alike.

    Raises:
        ConfigError: states that cannot be read or are not of one network, weights that do not fit them, or a file that
            cannot be written.
    """
    if len(states) < 2:
        raise ConfigError("an average needs two states or more")
    if weights and (len(weights) != len(states) or not all(weight > 0 for weight in weights) or sum(weights) == inf):
        raise ConfigError(f"{len(states)} states need {len(states)} weights above 0 of a finite sum, or none")
    shares = torch.tensor(weights or [1.0] * len(states), dtype=torch.float64)
    last, meta = read_tensors(states[-1])
    parts = [*(_fitted(state, last, meta) for state in states[:-1]), last]
    mean = {name: _mean([part[name] for part in parts], shares / shares.sum()) for name in last}
    _write(out, rounded(mean), meta.get("config", {}))


def average_and_count(
    states: Sequence[Path], out: Path, weights: Sequence[float], config: AnyRun, root: Path, batches: int
) -> None:
    """Write what `average` and then `count_anew` make of states; nothing is written where either fails.

    Raises:
        ConfigError: those of both.
    """
    with tempfile.TemporaryDirectory() as folder:
        mean = Path(folder) / "mean.safetensors"
        average(states, mean, weights)
        count_anew(mean, config, root, batches, out)


def _mean(tensors: Sequence[Tensor], shares: Tensor) -> Tensor:
    if not tensors[-1].is_floating_point():  # batches that batch norm has counted
        return tensors[-1]
    return torch.einsum("s,s...->...", shares, torch.stack([tensor.double() for tensor in tensors])).float()


def _fitted(state: Path, last: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """Return the tensors of a state, with the classes of the last one."""
    tensors, own = read_tensors(state)
    old, new = (parse_config(about.get("config", {}), str(state)) for about in (own, meta))
    if isinstance(old, RecognizerRun) and isinstance(new, RecognizerRun) and old.charset != new.charset:
        tensors = carried(tensors, old.charset, new.charset, last, trained=True)
    shapes = [{name: tensor.shape for name, tensor in part.items()} for part in (tensors, last)]
    different = sorted(name for name in tensors.keys() | last.keys() if shapes[0].get(name) != shapes[1].get(name))
    if different:
        raise ConfigError(
            f"{state} is of another network than the last state: {len(different)} tensors ({different[0]})"
        )
    return tensors


@torch.no_grad()
def count_anew(state: Path, config: AnyRun, root: Path, batches: int, out: Path | None = None) -> None:
    """Give the batch norm of a state the statistics of `batches` training batches.

    Averaged weights do not give what averaged statistics say (Izmailov et al. 2018, "Averaging weights leads to wider
    optima", section 3.2).

    Args:
        state: to change.
        config: whose training batches are counted; it becomes the state's configuration.
        root: folder that the configuration's data lies below.
        batches: how many.
        out: the file to write; None: `state` itself.

    Raises:
        ConfigError: data or weights that do not fit, no batches, or a file that cannot be written.
    """
    if batches < 1:
        raise ConfigError("statistics need one batch or more")
    task = build_task(config, root)
    load_weights(task.student, state)
    for layer in task.student.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
    task.method.train()
    with contextlib.closing(task.stream(0, World.join("cpu"), pin=False)) as stream:
        for batch in itertools.islice(stream, batches):
            batch.pop(LEFT_OUT, None)
            task.method(task.to_device(batch, torch.device("cpu")), 0.0)
    _write(out or state, portable(task.student), config.model_dump(mode="json"))


def _write(path: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    try:
        write_tensors(path, tensors, {"config": config, "step": 0, "figures": {}})
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error
