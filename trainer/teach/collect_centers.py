"""`trainer centers`: the mean feature of each class over the training lines that are read rightly.

PP-OCRv2, section 2.2 and facts 6.4: train with plain CTC, collect the centers, train again with the center loss.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import torch

from trainer.centers import write_centers
from trainer.checkpoint import load_weights
from trainer.config import AnyRun, RecognizerRun
from trainer.distributed import World
from trainer.errors import ConfigError
from trainer.losses.center import CenterAccumulator, Centers
from trainer.run.train import pick_device, prepare
from trainer.tasks.recognition import RecognitionTask


def centers_of(config: AnyRun, state: Path, root: Path, out: Path, batches: int) -> None:
    """Write the centers of the recognizer in `state` over training lines of `config`.

    Raises:
        ConfigError: no configuration of a recognizer, or a recognizer that reads nothing rightly.
    """
    if not isinstance(config, RecognizerRun):
        raise ConfigError("centers belong to a recognizer")
    prepare(config.compute, World())
    task = RecognitionTask(config, root)
    load_weights(task.student, state)
    write_centers(out, collect_centers(task, batches, pick_device(config.compute)), task.charset, state)


def collect_centers(task: RecognitionTask, batches: int, device: torch.device) -> Centers:
    """Return the centers that the student of `task`, trained before, gives over so many batches of its training data.

    Raises:
        ConfigError: the student reads no line of them rightly.
    """
    student = task.student.to(device).eval()
    accumulator = CenterAccumulator(len(task.charset), student.head.classify.in_features, device)
    right = 0
    for arrays in itertools.islice(task.stream(0, World(), pin=False), batches):
        batch = task.to_device(arrays, device)
        with torch.no_grad():
            right += accumulator.update(student.outputs(batch["images"]), batch["labels"], batch["lengths"])
    if not right:
        raise ConfigError(f"no line of {batches} batches is read rightly: train the recognizer longer first")
    return accumulator.centers()
