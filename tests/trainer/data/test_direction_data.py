"""Lines for the direction classifier: what is turned is labelled so, and prepared as it is served."""

from __future__ import annotations

import numpy as np
import torch

from trainer.config import parse_config
from trainer.data.direction_batches import turn
from trainer.distributed import World
from trainer.tasks.direction import DirectionTask


def test_turned_lines_are_labelled(classifier_table, data):
    classifier_table["data"]["augment"] = 0.0
    task = DirectionTask(parse_config(classifier_table), data)
    stream = task.stream(0, World(), pin=False)
    batches = [next(stream) for _ in range(12)]
    assert batches[0]["images"].shape == (4, 3, 48, 192)
    turned = np.concatenate([batch["turned"] for batch in batches])
    images = np.concatenate([batch["images"] for batch in batches])
    assert 0.2 < turned.mean() < 0.8
    known: dict[bytes, set[int]] = {}
    for image, label in zip(images, turned, strict=True):
        known.setdefault(image.tobytes(), set()).add(int(label))
    # 24 lines in 48 samples: each was seen twice, and looks one way upright and another way turned.
    assert all(len(labels) == 1 for labels in known.values())
    assert 24 < len(known) <= 48


def test_turn_is_its_own_inverse():
    line = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert (turn(line)[0, 0] == line[-1, -1]).all()
    assert (turn(turn(line)) == line).all()


def test_a_classifier_that_always_says_upright_is_half_right_and_keeps_all(classifier_table, data):
    task = DirectionTask(parse_config(classifier_table), data)
    with torch.no_grad():
        task.student.network.classify.weight.zero_()
        task.student.network.classify.bias.copy_(torch.tensor([1.0, 0.0]))
    figures = task.evaluate(task.student, torch.device("cpu")).figures
    assert figures["lines/acc"] == figures["acc"] == 0.5
    assert figures["kept"] == 1.0
