"""`trainer train`: from a configuration to a trained run folder."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ocr_core.memory import keep_large_blocks
from trainer.centers import check_origin
from trainer.checkpoint import load_weights, split_prefix
from trainer.config import AnyRun, ComputeConfig, RecognizerRun, parse_config
from trainer.distributed import World
from trainer.errors import ConfigError
from trainer.methods.detection import DmlDetection
from trainer.methods.recognition import UdmlRecognition
from trainer.run.classes import carried
from trainer.run.loop import Loop
from trainer.run.sole import sole
from trainer.run.widened import widened
from trainer.tasks.base import Task
from trainer.tasks.build import build_task

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """States that a run starts from; what none of them gives starts at random."""

    student: Path | None = None
    """For the student; the peer gets its backbone alone."""
    fresh: tuple[str, ...] = ()
    """Tensors whose names start so may start at random where `student` does not fit."""
    backbone: Path | None = None
    """For the backbones of student and peer, with fresh necks and heads, as in the paper."""
    peer: Path | None = None
    """For the peer."""


NOTHING = Start()


def train(config: AnyRun, folder: Path, root: Path, start: Start = NOTHING) -> None:
    """Train `config` in `folder`, reading data below `root`.

    Args:
        config: what to train.
        folder: of the run; a checkpoint there is resumed.
        root: folder that the configuration's data lies below.
        start: states to start from.

    Raises:
        ConfigError: data or weights that do not fit, or centers of another state than the one to start from.
        Interrupted: SIGTERM arrived; the same call goes on.
        OccupiedError: another process trains in `folder`.
    """
    device = pick_device(config.compute)
    world = World.join(device.type)
    prepare(config.compute, world)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    task = build_task(config, root)
    start_from(task, start, config if isinstance(config, RecognizerRun) else None)
    if isinstance(config, RecognizerRun) and config.method.centers:
        check_origin(Path(config.method.centers), start.student)
    try:
        with sole(folder) if world.leads else contextlib.nullcontext():
            Loop(task, config, folder, device, world).run()
    finally:
        world.leave()


def start_from(task: Task, start: Start, run: RecognizerRun | None = None) -> None:
    """Load the states of `start` into the student and its peer.

    With `run`, the student's classes are carried over to its characters, and one twice as wide takes over what its
    state computes. A peer without a state of its own keeps a random neck and head: two equal networks would have
    nothing to tell each other, ever.

    Raises:
        ConfigError: a state does not fit, or is meant for a peer that there is not.
    """
    method = task.method
    peer = method.peer if isinstance(method, (DmlDetection, UdmlRecognition)) else None
    if start.backbone is not None:
        for network in (task.student, peer) if peer else (task.student,):
            _load_backbone(network, start.backbone)
    if start.student is not None:
        _load_student(task, start.student, start.fresh, run)
        if peer:
            peer.backbone.load_state_dict(task.student.get_submodule("backbone").state_dict())
    if start.peer is not None:
        if peer is None:
            raise ConfigError("--init-peer: this run trains no peer")
        log.info("%d tensors of %s loaded into the peer", load_weights(peer, start.peer), start.peer)
        if _equal(task.student, peer):
            log.warning(
                "--init and --init-peer are one state: twins teach each other nothing; take another for the peer"
            )


def _equal(first: nn.Module, second: nn.Module) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def _load_backbone(network: nn.Module, state: Path) -> None:
    def adapt(tensors: Mapping[str, Tensor], _: Mapping[str, Any]) -> Mapping[str, Tensor]:
        return split_prefix(tensors, "backbone.")

    loaded = load_weights(network.get_submodule("backbone"), state, adapt=adapt)
    log.info("%d tensors of %s loaded into a backbone", loaded, state)


def _load_student(task: Task, state: Path, fresh: tuple[str, ...], run: RecognizerRun | None) -> None:

    def adapt(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Mapping[str, Tensor]:
        old = parse_config(meta.get("config", {}), str(state)) if run is not None else None
        if run is None or not isinstance(old, RecognizerRun):
            return tensors
        own = task.student.state_dict()
        wide = widened(tensors, own) if run.net.width == 2 * old.net.width else tensors
        return wide if old.charset == run.charset else carried(wide, old.charset, run.charset, own)

    log.info("%d tensors of %s loaded", load_weights(task.student, state, fresh, adapt), state)


def pick_device(compute: ComputeConfig) -> torch.device:
    """Return the device to train on."""
    if compute.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(compute.device)


def prepare(compute: ComputeConfig, world: World) -> None:
    """Set the process-wide switches of torch and of its memory."""
    # Batch norm lets weights decay to numbers so small that a CPU takes a hundred times as long for each of them.
    torch.set_flush_denormal(True)
    keep_large_blocks()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(compute.threads or max(1, cores // world.size - compute.workers))
