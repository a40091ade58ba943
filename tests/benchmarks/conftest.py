"""A trainer that does nothing but leave behind what a run leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import ablation
from benchmarks.runs import Run

SETS = ("receipts-sroie", "receipts-sroie-more", "rendered", "words-iiit5k-train", "words-svt-train")


class FakeTrainer:
    """Records runs (name, overrides, starts) and other commands.

    A run is worth `value`, or what `worth` says of its name; its steps take `batch / speed` seconds, of which the
    processor works 1.5. Where it distils by CML the teacher is worth `teacher`; where it has centers, their term has
    `share` of the loss.
    """

    def __init__(self):
        self.runs: list[tuple[str, list[str], list[str]]] = []
        self.commands: list[tuple[str, ...]] = []
        self.value = 0.5
        self.worth = lambda name: self.value
        self.speed = 32.0
        self.teacher = 0.9
        self.share = 0.5

    def train(self, run, config, overrides, data=None, starts=()):
        run.folder.mkdir(parents=True, exist_ok=True)
        name = run.folder.name
        self.runs.append((name, list(overrides), list(starts)))
        steps = next(int(text.rpartition("=")[2]) for text in ("steps=4", *overrides)[::-1] if "steps=" in text)
        names = ("acc", "similarity") if config.stem.startswith("rec") else ("hmean", "precision", "recall")
        shares = {"share/center": self.share} if any("centers=" in text for text in overrides) else {}
        row = {"event": "train", "images_per_second": self.speed, "share_waiting": 0.25, "cpu_seconds": 1.5} | shares
        rows = [row | {"step": step} for step in range(1, steps + 1)]
        judged = dict.fromkeys(names, self.worth(name))
        if "method.distill=cml" in overrides:
            judged["teacher_hmean"] = self.teacher
        rows.append({"event": "validation", "step": steps, "time": 1, "seconds": 1, **judged})
        (run.folder / "log.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
        (run.folder / "config.json").write_text(json.dumps({"data": {"batch": 16}, "schedule": {"steps": steps}}))
        item = [1, 2, 2] if config.stem.startswith("det") else [1]
        (run.folder / "items.json").write_text(json.dumps({name: [item, item] for name in SETS}))
        run.state.touch()

    def command(self, *arguments):
        self.commands.append(arguments)
        Path(arguments[arguments.index("--out") + 1]).touch()


@pytest.fixture
def fake_trainer(monkeypatch):
    fake = FakeTrainer()
    monkeypatch.setattr(Run, "train", lambda run, *arguments: fake.train(run, *arguments))
    monkeypatch.setattr(ablation, "trainer", fake.command)
    return fake
