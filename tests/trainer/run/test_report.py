"""The report of a run: from its log, also of one that was killed, and its worst failures."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch

from trainer.config import parse_config
from trainer.run.report import read_log, write_report
from trainer.tasks.base import Failure, means
from trainer.tasks.build import build_task


def train_row(step: int, loss: float) -> dict:
    return {"event": "train", "step": step, "time": 0, "loss": loss, "lr": 0.1, "images_per_second": 5.0} | {
        "share_waiting": 0.01
    }


ROWS = [
    train_row(1, 9.0),
    train_row(2, 8.0),
    {"event": "validation", "step": 2, "time": 0, "acc": 0.5, "seconds": 1.0},
    train_row(3, 7.0),
    train_row(2, 6.0),  # resumed
    {"event": "validation", "step": 2, "time": 0, "acc": 0.6, "seconds": 1.0},
    {"event": "validation", "step": 4, "time": 0, "acc": 0.4, "seconds": 1.0},
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + '\n{"event": "tra')
    return tmp_path


def test_of_steps_taken_twice_the_last_counts(folder):
    training, validation = read_log(folder / "log.jsonl")
    assert [(row["step"], row["loss"]) for row in training] == [(1, 9.0), (2, 6.0), (3, 7.0)]
    assert [(row["step"], row["acc"]) for row in validation] == [(2, 0.6), (4, 0.4)]


def test_report(folder):
    write_report(folder, "a-run", [Failure(2.0, np.zeros((32, 50, 3), np.uint8), "set: one → two")])
    text = (folder / "report.md").read_text("utf-8")
    assert "| acc | 0.4000 | 0.6000 | 2 |" in text
    assert "- set: one → two" in text
    assert cv2.imread(str(folder / "curves.png")).std() > 5
    assert cv2.imread(str(folder / "worst.png")).shape[0] > 32


def test_means_over_the_sets():
    figures = {"a/acc": 1.0, "b/acc": 0.5, "a/acc_loose": 0.0}
    assert means(figures, ("acc",)) == {"acc": 0.75}


@pytest.mark.parametrize(("kind", "expected"), [("recognizer", 3), ("detector", 2), ("classifier", 3)])
def test_networks_that_learned_nothing_fail_everywhere(kind, expected, request, data):
    config = parse_config(request.getfixturevalue(f"{kind}_table"))
    task = build_task(config, data)
    failures = task.failures(task.student, torch.device("cpu"), 3)
    assert len(failures) == expected
    assert failures[0].badness >= failures[-1].badness > 0
    assert all(failure.caption and failure.pixels.dtype == np.uint8 for failure in failures)
