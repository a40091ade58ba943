"""Runs of the trainer as processes of their own, and what their logs say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT

CONFIGS = ROOT / "trainer" / "configs"
STATE = "state.safetensors"
NOT_FIGURES = ("event", "step", "time", "seconds")


class Run:
    """The folder of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def state(self) -> Path:
        """The trained student."""
        return self.folder / STATE

    @property
    def peer(self) -> Path:
        """What was trained beside it."""
        return self.folder / "peer.safetensors"

    def train(self, config: Path, overrides: Sequence[str], data: Path = ROOT, starts: Sequence[str] = ()) -> None:
        """Train, or go on where the run was stopped; ends this program if the trainer fails or is told to stop.

        `starts`: options of `trainer train` that name states to start from.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        options = [part for override in overrides for part in ("--set", override)]
        trainer("train", str(config), "--data", str(data), "--run", str(self.folder), *starts, *options)

    def done(self) -> bool:
        """Whether the run was judged after all its steps."""
        if not self.state.exists():
            return False
        config = json.loads((self.folder / "config.json").read_text("utf-8"))
        return bool(self.rows("validation")[-1]["step"] >= config["schedule"]["steps"])

    def rows(self, event: str) -> list[dict[str, Any]]:
        """Return what the log says of an event, one row a step: a run that was killed repeats some."""
        lines = (self.folder / "log.jsonl").read_text("utf-8").splitlines()
        found = {row["step"]: row for row in map(json.loads, lines) if row["event"] == event}
        return [found[step] for step in sorted(found)]

    def figures(self) -> dict[str, float]:
        """Return the figures of the last validation."""
        return {name: value for name, value in self.rows("validation")[-1].items() if name not in NOT_FIGURES}

    def items(self) -> dict[str, list[list[int]]]:
        """Return what the last validation counted in each sample, by set."""
        found: dict[str, list[list[int]]] = json.loads((self.folder / "items.json").read_text("utf-8"))
        return found

    def shares(self) -> dict[str, float]:
        """Return the mean of each term's share that the log tells, say of the center loss in the loss."""
        names = {name for row in self.rows("train") for name in row if name.startswith("share/")}
        found = {name: [row[name] for row in self.rows("train") if name in row] for name in names}
        return {name: sum(values) / len(values) for name, values in found.items()}

    def batch(self) -> int:
        """Return the images of a batch."""
        config = json.loads((self.folder / "config.json").read_text("utf-8"))
        return int(config["data"]["batch"])

    def step_seconds(self) -> float:
        """Return the seconds that all training steps took, validation left out."""
        seconds, before = 0.0, 0
        for row in self.rows("train"):
            seconds += (row["step"] - before) * self.batch() / row["images_per_second"]
            before = row["step"]
        return seconds

    def cpu_seconds(self) -> float:
        """Return the processor time that all training steps took, which other work on the machine hardly lengthens.

        After an interruption a row tells of the steps since then alone; those before took as long each.
        """
        seconds, before = 0.0, 0
        for row in self.rows("train"):
            taken = row["step"] - before
            seconds += row["cpu_seconds"] * taken / row.get("steps", taken)
            before = row["step"]
        return seconds


def trainer(*arguments: str) -> None:
    """Run a command of the trainer in silence; if it fails, show what it said and end this program with its code."""
    command = [sys.executable, "-m", "trainer", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        sys.exit(done.returncode)
