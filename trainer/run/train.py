"""`trainer train`: from a configuration to a trained run folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ocr_core.memory import keep_large_blocks
from trainer.checkpoint import load_weights
from trainer.config import AnyRun, ComputeConfig, RecognizerRun, parse_config
from trainer.distributed import World
from trainer.methods.detection import DmlDetection
from trainer.methods.recognition import UdmlRecognition
from trainer.run.classes import carried
from trainer.run.loop import Loop
from trainer.run.widened import widened
from trainer.tasks.base import Task
from trainer.tasks.build import build_task

log = logging.getLogger(__name__)


def train(config: AnyRun, folder: Path, root: Path, init: Path | None = None, fresh: tuple[str, ...] = ()) -> None:
    """Train `config` in `folder`, reading data below `root`.

    Args:
        config: what to train.
        folder: of the run; a checkpoint there is resumed.
        root: folder that the configuration's data lies below.
        init: state to start the student from.
        fresh: tensors whose names start so may start at random where `init` does not fit.

    Raises:
        ConfigError: data or weights that do not fit.
        Interrupted: SIGTERM arrived; the same call goes on.
    """
    device = pick_device(config.compute)
    world = World.join(device.type)
    prepare(config.compute, world)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    task = build_task(config, root)
    if init is not None:
        start_from(task, init, fresh, config if isinstance(config, RecognizerRun) else None)
    if world.leads:
        (folder / "config.json").write_text(config.model_dump_json(indent=1) + "\n", "utf-8")
    try:
        Loop(task, config, folder, device, world).run()
    finally:
        world.leave()


def start_from(task: Task, state: Path, fresh: tuple[str, ...] = (), run: RecognizerRun | None = None) -> None:
    """Load a state into the student, and into its peer's backbone.

    With `run`, the state's classes are carried over to its characters, and a student twice as wide takes over what
    the state computes.

    The peer's other parts stay random: two equal networks would have nothing to tell each other, ever.

    Raises:
        ConfigError: the state does not fit.
    """

    def adapt(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Mapping[str, Tensor]:
        old = parse_config(meta.get("config", {}), str(state)) if run is not None else None
        if run is None or not isinstance(old, RecognizerRun):
            return tensors
        own = task.student.state_dict()
        wide = widened(tensors, own) if run.net.width == 2 * old.net.width else tensors
        return wide if old.charset == run.charset else carried(wide, old.charset, run.charset, own)

    log.info("%d tensors of %s loaded", load_weights(task.student, state, fresh, adapt), state)
    method = task.method
    if isinstance(method, (DmlDetection, UdmlRecognition)):
        method.peer.backbone.load_state_dict(method.student.backbone.state_dict())


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
