"""What trained states are worth on the validation rows of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.config import AnyRun, RecognizerRun
from trainer.distributed import World
from trainer.run.train import Start, pick_device, prepare, start_from
from trainer.tasks.build import build_task


def validate(config: AnyRun, states: Sequence[Path], root: Path) -> Iterator[dict[str, float]]:
    """Yield the figures of each state, as its run's log would have them.

    Args:
        config: whose networks and validation rows are taken; a recognizer may know fewer characters than it names.
        states: to judge.
        root: folder that the configuration's data lies below.

    Raises:
        ConfigError: data or weights that do not fit.
    """
    device = pick_device(config.compute)
    prepare(config.compute, World.join(device.type))
    task = build_task(config, root)
    for state in states:
        start_from(task, Start(state), config if isinstance(config, RecognizerRun) else None)
        task.student.to(device).eval()
        yield task.evaluate(task.student, device).figures
