"""What a run says while it works: a progress bar in a terminal, JSON lines elsewhere, TensorBoard beside them."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logging.getLogger(__name__)


class RunLog:
    """Writes `log.jsonl` and TensorBoard events into the run's folder and shows progress to whoever watches."""

    def __init__(self, folder: Path, first: int, steps: int) -> None:
        """`first`: the step that the run starts or resumes at."""
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._board = _board(folder / "tensorboard", first)
        self._bar = _bar(first, steps) if sys.stderr.isatty() else None

    def write(self, event: str, step: int, figures: Mapping[str, Any]) -> None:
        """Record figures of one step; numbers also go to TensorBoard."""
        row = {"event": event, "step": step, "time": round(time.time(), 1)} | {
            name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in figures.items()
        }
        text = json.dumps(row, ensure_ascii=False)
        self._file.write(text + "\n")
        self._file.flush()
        for name, value in figures.items():
            if self._board is not None and isinstance(value, (int, float)):
                self._board.add_scalar(f"{event}/{name}", value, step)
        if self._bar is None:
            print(text, flush=True)
        elif event == "train":
            self._bar.set_postfix_str(f"loss {figures['loss']:.4g}")
        else:
            self._bar.write(text)

    def advance(self, step: int) -> None:
        """Show that `step` steps are done."""
        if self._bar is not None:
            self._bar.update(step - self._bar.n)

    def close(self) -> None:
        """Close the files and the bar."""
        self._file.close()
        if self._board is not None:
            self._board.close()
        if self._bar is not None:
            self._bar.close()


# A machine that a pack was brought to may have neither.
def _board(folder: Path, first: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except Exception as error:  # a protobuf of another generation raises TypeError, not ImportError
        log.warning("tensorboard cannot be imported (%s): log.jsonl alone tells of this run", error)
        return None
    return SummaryWriter(str(folder), purge_step=first)


def _bar(first: int, steps: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=steps, initial=first, unit="step")
