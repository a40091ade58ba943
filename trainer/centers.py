"""Class centers for Enhanced CTC: the mean feature of each class over the training lines that are read rightly.

PP-OCRv2, section 2.2 and facts 6.4: train with plain CTC, collect the centers, train again with the center loss.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ocr_core.charset import Charset
from trainer.checkpoint import read_tensors, write_tensors
from trainer.distributed import World
from trainer.errors import ConfigError
from trainer.losses.center import CenterAccumulator, Centers

if TYPE_CHECKING:
    from trainer.tasks.recognition import RecognitionTask


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


def write_centers(path: Path, centers: Centers, charset: Charset) -> None:
    """Write centers with the characters that they belong to."""
    write_tensors(path, {"values": centers.values, "counts": centers.counts}, {"characters": list(charset.entries)})


def read_centers(path: Path, charset: Charset) -> Centers:
    """Read centers.

    Raises:
        ConfigError: no such file, or the centers of other characters.
    """
    tensors, meta = read_tensors(path)
    if tuple(meta.get("characters", ())) != charset.entries:
        raise ConfigError(f"{path} holds the centers of other characters than this run's")
    return Centers(tensors["values"], tensors["counts"])
