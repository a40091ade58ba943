"""From a configuration to its task."""

from __future__ import annotations

from pathlib import Path

from trainer.config import AnyRun, ClassifierRun, DetectorRun
from trainer.tasks.base import Task
from trainer.tasks.detection import DetectionTask
from trainer.tasks.direction import DirectionTask
from trainer.tasks.recognition import RecognitionTask


def build_task(config: AnyRun, root: Path) -> Task:
    """Return the task of a configuration; its data lies below `root`."""
    if isinstance(config, DetectorRun):
        return DetectionTask(config, root)
    if isinstance(config, ClassifierRun):
        return DirectionTask(config, root)
    return RecognitionTask(config, root)
