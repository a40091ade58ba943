"""The report of a finished run: its curves, its figures, and the worst that it does, for a person to look at."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainer.run.sheets import captioned, sheet
from trainer.tasks.base import Failure

Rows = list[dict[str, Any]]
NO_FIGURES = frozenset({"event", "step", "time", "seconds"})


def write_report(folder: Path, name: str, failures: Sequence[Failure]) -> None:
    """Write report.md, curves.png and worst.png into a run's folder, from its log and its worst failures."""
    training, validation = read_log(folder / "log.jsonl")
    draw_curves(training, validation, folder / "curves.png")
    worst = sheet([captioned(failure.pixels, failure.caption) for failure in failures])
    cv2.imwrite(str(folder / "worst.png"), worst)
    (folder / "report.md").write_text(_text(name, training, validation, failures), "utf-8")


def read_log(path: Path) -> tuple[Rows, Rows]:
    """Return the rows of training and of validation in ascending order of steps.

    A run that was killed repeats the steps after its checkpoint: of rows of one step the last one counts.
    """
    by_event: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for line in path.read_text("utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # the line in writing when the run was killed
            continue
        by_event[row["event"]][row["step"]] = row
    training, validation = (
        [rows[step] for step in sorted(rows)] for rows in (by_event["train"], by_event["validation"])
    )
    return training, validation


def draw_curves(training: Rows, validation: Rows, path: Path) -> None:
    """Draw the terms of the loss, the validation's figures and the learning rate over the steps."""
    figure = Figure(figsize=(10, 11), layout="constrained")
    FigureCanvasAgg(figure)
    loss, judged, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    _plot(loss, training, [key for key in _figures(training) if key.startswith("loss")])
    loss.set_yscale("log")
    loss.set_ylabel("loss")
    _plot(judged, validation, _figures(validation))
    judged.set_ylabel("validation")
    _plot(rate, training, ["lr"])
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    figure.savefig(path, dpi=100)


def _plot(axes: Any, rows: Rows, keys: Sequence[str]) -> None:
    for key in keys:
        points = [(row["step"], row[key]) for row in rows if key in row]
        axes.plot(*zip(*points, strict=True), label=key, marker="." if len(points) < 30 else None)
    axes.grid(alpha=0.3)
    if len(keys) > 1:
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))


def _figures(rows: Rows) -> list[str]:
    return sorted({key for row in rows for key in row} - NO_FIGURES)


def _text(name: str, training: Rows, validation: Rows, failures: Sequence[Failure]) -> str:
    speeds = [row["images_per_second"] for row in training]
    waits = [row["share_waiting"] for row in training]
    lines = [
        f"# {name}",
        "",
        f"{training[-1]['step']} steps; {sum(speeds) / len(speeds):.1f} images/s, "
        f"{sum(waits) / len(waits):.1%} of the time waiting for data.",
        "",
        "| validation | last | best | at step |",
        "|---|---|---|---|",
    ]
    for key in _figures(validation):
        best = max((row for row in validation if key in row), key=lambda row: row[key])
        lines.append(f"| {key} | {validation[-1].get(key, float('nan')):.4f} | {best[key]:.4f} | {best['step']} |")
    lines += ["", "![curves](curves.png)", "", f"The worst {len(failures)}:", "", "![worst](worst.png)", ""]
    lines += [f"- {failure.caption}" for failure in failures]
    return "\n".join(lines) + "\n"
