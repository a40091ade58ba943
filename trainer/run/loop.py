"""The loop that trains every task."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from trainer.checkpoint import (
    file_sha256,
    flatten_optimizer,
    portable,
    read_tensors,
    restore_optimizer,
    split_prefix,
    write_tensors,
)
from trainer.config import AnyRun, RecognizerRun
from trainer.data.lines import LEFT_OUT
from trainer.data.stream import Arrays
from trainer.distributed import World
from trainer.errors import ConfigError, Interrupted
from trainer.run.bf16 import computes_bf16
from trainer.run.log import RunLog
from trainer.run.optim import Ema, build_optimizer, learning_rate, set_learning_rate
from trainer.tasks.base import Task

ITEMS = "items.json"
"""What the last validation counted in each sample."""
CENTER = "center"
"""What names of the terms of Enhanced CTC end in."""
PEER = "peer.safetensors"
WORST = 40
"""Failures shown in a run's report."""


class Loop:
    """Steps, validations and checkpoints of one run, in `folder`.

    `config.json` is its configuration; `checkpoint.safetensors` resumes the run bit for bit (on a CPU, with the same
    number of threads); `state.safetensors` is the student alone, in bf16, after the last validation, `best.safetensors`
    after the best; `peer.safetensors` is its peer, if it has one, as it stands and not as a moving average.
    """

    def __init__(self, task: Task, config: AnyRun, folder: Path, device: torch.device, world: World) -> None:
        self.task = task
        self.config = config
        self.folder = folder
        self.device = device
        self.world = world
        self.step = 0
        self.best = float("-inf")
        task.method.to(device)
        if config.compute.channels_last:
            task.method.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # missing in torch's stubs
        self.optimizer = build_optimizer(task.method, config.optimizer)
        self.ema = Ema(task.student, config.optimizer.ema) if config.optimizer.ema else None
        self.method: nn.Module = task.method
        if world.size > 1:
            self.method = DistributedDataParallel(task.method, [world.local] if device.type == "cuda" else None)
        self._mixed = config.compute.amp == "bf16" and (device.type != "cpu" or computes_bf16())
        if config.compute.amp == "bf16" and not self._mixed:
            logging.getLogger(__name__).warning(
                "this processor has no bf16 arithmetic: training in f32, which is many times as fast here"
            )
        self._told_to_stop = False
        self._sums: defaultdict[str, float] = defaultdict(float)
        # On the device until they are logged: reading one would wait for all that a GPU has still to do.
        self._device_sums: dict[str, torch.Tensor] = {}
        self._left_out = 0
        self._shares: dict[str, float] = {}
        self._cpu = 0.0
        centers = config.method.centers if isinstance(config, RecognizerRun) else ""
        self._centers = file_sha256(Path(centers)) if centers else ""

    @property
    def judged(self) -> nn.Module:
        """The student as it is validated and exported: its moving average, if there is one."""
        return self.ema.module if self.ema else self.task.student

    def run(self) -> None:
        """Train to the end, resuming from the folder's checkpoint if there is one.

        Raises:
            Interrupted: SIGTERM arrived; everything is saved.
        """
        previous = signal.signal(signal.SIGTERM, self._note_signal)
        self.resume()
        if self.world.leads:
            # Not before: the configuration of a run that refuses another one is still its own.
            (self.folder / "config.json").write_text(self.config.model_dump_json(indent=1) + "\n", "utf-8")
        log = RunLog(self.folder, self.step, self.config.schedule.steps) if self.world.leads else None
        try:
            self._train(log)
        finally:
            signal.signal(signal.SIGTERM, previous)
            if log:
                log.close()
        if log and self.config.compute.report:
            from trainer.run.report import write_report  # draws by matplotlib, which a pack does without

            write_report(self.folder, self.config.name, self.task.failures(self.judged, self.device, WORST))
        self.world.wait()

    def _train(self, log: RunLog | None) -> None:
        position = self.step * self.config.accumulate
        with contextlib.closing(self.task.stream(position, self.world, pin=self.device.type == "cuda")) as batches:
            if log and self.task.problems.places:
                (self.folder / "problems.txt").write_text(self.task.problems.listing(), "utf-8")
            self._take_steps(batches, log)

    def _take_steps(self, batches: Iterator[Arrays], log: RunLog | None) -> None:
        compute, steps = self.config.compute, self.config.schedule.steps
        since = started = time.perf_counter()
        self._cpu = time.process_time()
        while self.step < steps:
            self.train_step(batches)
            last = self.step == steps
            if log and (self.step % compute.log_every == 0 or last):
                log.write("train", self.step, self._figures(time.perf_counter() - since))
                since, self._cpu = time.perf_counter(), time.process_time()
            if log:
                log.advance(self.step)
            if self.step % compute.validate_every == 0 or last:
                self._validate(log)
                since, self._cpu = time.perf_counter(), time.process_time()
            late = 0 < compute.seconds <= time.perf_counter() - started
            stop = self.world.any(self._told_to_stop or late, self.device)
            if self.step % compute.save_every == 0 or last or stop:
                self.save()
            if stop and not last:
                raise Interrupted(f"stopped at step {self.step} of {steps}; start again to go on")

    def train_step(self, batches: Iterator[Arrays]) -> None:
        """Take one optimiser step: the mean gradient of `accumulate` batches."""
        config = self.config
        self.method.train()
        rate = learning_rate(self.step, config.optimizer.lr, config.schedule)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        for _ in range(config.accumulate):
            started = time.perf_counter()
            batch = next(batches)
            self._sums["waited"] += time.perf_counter() - started
            self._backward(batch)
        if config.optimizer.clip:
            norm = nn.utils.clip_grad_norm_(self.method.parameters(), config.optimizer.clip)
            self._add("gradient", norm)
        self.optimizer.step()
        if self.ema:
            self.ema.update(self.task.student, self.step)
        self.step += 1
        self._sums["steps"] += 1

    def _backward(self, arrays: Arrays) -> None:
        self._left_out += int(arrays.pop(LEFT_OUT, 0))
        batch = self.task.to_device(arrays, self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
            losses = self.method(batch, self.step / self.config.schedule.steps)
        loss = torch.stack(list(losses.values())).sum() / self.config.accumulate
        self._add_shares(losses)
        loss.backward()  # type: ignore[no-untyped-call]
        self._sums["images"] += len(batch["images"])
        self._add("loss", loss)
        for name, value in losses.items():
            self._add(f"loss/{name}", value / self.config.accumulate)

    def _add_shares(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Note what share of the loss the center terms have and, now and then, of the gradient: they must stay small.

        The share of the gradient is |g| / (|g| + |h|) with g that of the center terms and h that of all others.
        """
        center = [value for name, value in losses.items() if name.endswith(CENTER)]
        if not center:
            return
        others = [value for name, value in losses.items() if not name.endswith(CENTER)]
        g, h = (torch.stack(values).sum() for values in (center, others))
        self._add("share/center", (g / (g + h)).detach())
        if self.step % self.config.compute.log_every == 0 and self.world.size == 1:
            mine, theirs = (self._gradient(value) for value in (g, h))
            self._shares["share/center_gradient"] = mine / (mine + theirs)

    def _gradient(self, loss: torch.Tensor) -> float:
        trained = [p for p in self.method.parameters() if p.requires_grad]
        found = torch.autograd.grad(loss, trained, retain_graph=True, allow_unused=True)
        return float(torch.stack([gradient.norm() for gradient in found if gradient is not None]).norm())

    def _add(self, name: str, value: torch.Tensor) -> None:
        before = self._device_sums.get(name)
        self._device_sums[name] = value.detach() if before is None else before + value.detach()

    def _figures(self, seconds: float) -> dict[str, Any]:
        steps = self._sums.pop("steps")
        images, waited = self._sums.pop("images"), self._sums.pop("waited")
        self._sums |= {name: float(value) for name, value in self._device_sums.items()}
        figures: dict[str, Any] = {name: value / steps for name, value in self._sums.items()}
        self._sums.clear()
        self._device_sums.clear()
        rate = self.optimizer.param_groups[0]["lr"]
        speed = images * self.world.size / seconds
        figures |= {"steps": int(steps), "lr": rate, "images_per_second": speed, "share_waiting": waited / seconds}
        figures["cpu_seconds"] = time.process_time() - self._cpu
        return figures | self._shares | {"left_out": self._left_out}

    def _validate(self, log: RunLog | None) -> None:
        if log:
            started = time.perf_counter()
            figures, items = self.task.evaluate(self.judged.eval(), self.device)
            log.write("validation", self.step, figures | {"seconds": time.perf_counter() - started})
            (self.folder / ITEMS).write_text(json.dumps(items, separators=(",", ":")) + "\n", "utf-8")
            self.save_state("state.safetensors", figures)
            if isinstance(peer := getattr(self.task.method, "peer", None), nn.Module):
                write_tensors(self.folder / PEER, portable(peer), {"step": self.step})
            if figures[self.task.metric] > self.best:
                self.best = figures[self.task.metric]
                self.save_state("best.safetensors", figures)
        self.world.wait()

    def save_state(self, name: str, figures: dict[str, float]) -> None:
        """Write the judged student alone, small and portable."""
        meta = {"step": self.step, "figures": figures, "config": self.config.model_dump(mode="json")}
        write_tensors(self.folder / name, portable(self.judged), meta)

    def save(self) -> None:
        """Write the checkpoint."""
        if self.world.leads:
            parts = {
                "model.": self.task.method.state_dict(),
                "optimizer.": flatten_optimizer(self.optimizer),
                "ema.": self.ema.module.state_dict() if self.ema else {},
                "random.": self._random_states(),
            }
            tensors = {prefix + name: tensor for prefix, part in parts.items() for name, tensor in part.items()}
            meta = {"step": self.step, "best": self.best, "recipe": self.config.recipe_sha256, "centers": self._centers}
            write_tensors(self.folder / "checkpoint.safetensors", tensors, meta)
        self.world.wait()

    def resume(self) -> None:
        """Load the folder's checkpoint, if there is one.

        Raises:
            ConfigError: the checkpoint is of another recipe, or of other centers in the file of that name.
        """
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return
        tensors, meta = read_tensors(path)
        if meta["recipe"] != self.config.recipe_sha256:
            raise ConfigError(f"{path} is of another configuration: give another --run, or the one it was trained with")
        if meta.get("centers", self._centers) != self._centers:
            raise ConfigError(f"{path} was trained with other centers than the recipe names now: give another --run")
        self.task.method.load_state_dict(split_prefix(tensors, "model."))
        restore_optimizer(self.optimizer, split_prefix(tensors, "optimizer."))
        if self.ema:
            self.ema.module.load_state_dict(split_prefix(tensors, "ema."))
        random = split_prefix(tensors, "random.")
        torch.set_rng_state(random["cpu"])
        if self.device.type == "cuda" and "cuda" in random:
            torch.cuda.set_rng_state(random["cuda"])
        self.step, self.best = meta["step"], meta["best"]

    def _random_states(self) -> dict[str, torch.Tensor]:
        states = {"cpu": torch.get_rng_state()}
        return states | ({"cuda": torch.cuda.get_rng_state()} if self.device.type == "cuda" else {})

    def _note_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._told_to_stop = True
