"""A trainer that does nothing but leave behind what a run leaves."""

from __future__ import annotations

import json

import pytest

from benchmarks import ablation
from benchmarks.runs import Run


class FakeTrainer:
    """Records the runs and other commands; a run's metrics are `value`, its steps take `batch / speed` seconds."""

    def __init__(self):
        self.runs: list[tuple[str, list[str]]] = []
        self.commands: list[tuple[str, ...]] = []
        self.value = 0.5
        self.speed = 32.0

    def train(self, run, config, overrides, data=None):
        run.folder.mkdir(parents=True, exist_ok=True)
        self.runs.append((run.folder.name, list(overrides)))
        steps = next(int(text.rpartition("=")[2]) for text in ("steps=4", *overrides)[::-1] if "steps=" in text)
        names = ("acc", "similarity", "hmean", "precision", "recall")
        rows = [
            {"event": "train", "step": step, "images_per_second": self.speed, "share_waiting": 0.25}
            for step in range(1, steps + 1)
        ]
        rows.append({"event": "validation", "step": steps, "time": 1, "seconds": 1, **dict.fromkeys(names, self.value)})
        (run.folder / "log.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
        (run.folder / "config.json").write_text(json.dumps({"data": {"batch": 16}}))
        run.state.touch()

    def command(self, *arguments):
        self.commands.append(arguments)


@pytest.fixture
def fake_trainer(monkeypatch):
    fake = FakeTrainer()
    monkeypatch.setattr(Run, "train", lambda run, *arguments: fake.train(run, *arguments))
    monkeypatch.setattr(ablation, "trainer", fake.command)
    return fake
