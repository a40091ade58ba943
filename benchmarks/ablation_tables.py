"""What finished cells of `benchmarks.ablation` say: means over seeds, and gains with their intervals."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ablation_rows import Row, Table
from benchmarks.common import print_table

Cell = dict[str, Any]
DRAWS = 2000
TEACHERS = {"teacher_hmean": "the teacher's maps", "target_hmean": "the regions taught, dilated or not"}
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 7: 2.365, 10: 2.228, 20: 2.086, np.inf: 1.960}
"""The 97.5th percentile of Student's t by degrees of freedom."""


def metric_of(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the metric of summed items: (right, lines) gives the accuracy, (matched, labels, found) the Hmean.

    counts: ... × 2 or ... × 3.
    """
    if counts.shape[-1] == 2:
        return counts[..., 0] / counts[..., 1]
    return 2 * counts[..., 0] / np.maximum(counts[..., 1] + counts[..., 2], 1)


def items_of(cell: Cell, sets: Sequence[str]) -> NDArray[np.float64]:
    """Return what a cell counted in each sample of some sets, N × 2 or N × 3."""
    found = np.array([item for name in sets for item in cell["items"][name]], np.float64)
    return np.column_stack([found, np.ones(len(found))]) if found.shape[1] == 1 else found


def interval(ours: Sequence[NDArray[np.float64]], theirs: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the interval that holds the gain of a row with a confidence of 95 %.

    Cells are paired by seed and sample. What samples vary by is told by a bootstrap over them; what seeds vary by from
    their gains, and by Student's t with Welch's and Satterthwaite's degrees of freedom: seeds are too few to be drawn
    again, which would make intervals of two of them hold the truth in three cases of four. One seed tells of samples
    alone.
    """
    gains = np.array([metric_of(a.sum(axis=0)) - metric_of(b.sum(axis=0)) for a, b in zip(ours, theirs, strict=True)])
    among_samples = _variance_among_samples(np.stack(ours), np.stack(theirs))
    among_seeds = float(gains.var(ddof=1)) / len(gains) if len(gains) > 1 else 0.0
    both = among_samples + among_seeds
    freedom = (len(gains) - 1) * (both / among_seeds) ** 2 if among_seeds else np.inf
    reach = _student(freedom) * float(np.sqrt(both))
    return float(gains.mean()) - reach, float(gains.mean()) + reach


def _variance_among_samples(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Return the variance of the mean gain over resampled samples; both: seeds × samples × counts."""
    samples = ours.shape[1]
    rng = np.random.default_rng(0)
    weights = rng.multinomial(samples, np.full(samples, 1 / samples), size=DRAWS).astype(np.float64)
    gains = metric_of(np.einsum("dn,snc->dsc", weights, ours)) - metric_of(np.einsum("dn,snc->dsc", weights, theirs))
    return float(gains.mean(axis=1).var())


def _student(freedom: float) -> float:
    """Return the 97.5th percentile of Student's t, between the degrees of the table never too small."""
    return float(
        np.interp(1 / freedom, [1 / degrees for degrees in reversed(STUDENT)], list(reversed(STUDENT.values())))
    )


def summary(table: Table, cells: Iterable[Cell], sets: Sequence[str]) -> list[list[object]]:
    """Return the rows to print for cells of one recipe, judged on some of the sets.

    Cells of rows that have left the table are left out.
    """
    by_row: dict[str, dict[int, Cell]] = {row.name: {} for row in table.rows}
    for cell in cells:
        if cell["row"] in by_row:
            by_row[cell["row"]][cell["seed"]] = cell
    return [_line(table, row, by_row, sets) for row in table.rows]


def _line(table: Table, row: Row, by_row: dict[str, dict[int, Cell]], sets: Sequence[str]) -> list[object]:
    found = by_row[row.name]
    values = [float(metric_of(items_of(cell, sets).sum(axis=0))) for cell in found.values()]
    mean = statistics.mean(values) if values else None
    spread = statistics.stdev(values) if len(values) > 1 else None
    seconds = statistics.mean(cell["cpu_seconds"] for cell in found.values()) if found else None
    line = [row.title, len(values), mean, spread, *_gain(row, by_row, sets)]
    paper = table.row(row.over).paper if row.over else None
    theirs = None if row.paper is None or paper is None else row.paper - paper
    return [*line, theirs, None if seconds is None else round(seconds)]


def _gain(row: Row, by_row: dict[str, dict[int, Cell]], sets: Sequence[str]) -> tuple[object, object]:
    ours, theirs = by_row[row.name], by_row.get(row.over, {})
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None, None
    pairs = [[items_of(cells[seed], sets) for seed in seeds] for cells in (ours, theirs)]
    gains = [metric_of(a.sum(axis=0)) - metric_of(b.sum(axis=0)) for a, b in zip(*pairs, strict=True)]
    low, high = interval(*pairs)
    return float(np.mean(gains)), f"{low:+.3f} to {high:+.3f}"


def print_cells(tables: dict[str, Table], cells: Sequence[Cell]) -> None:
    """Print a table for each recipe and part of the validation data, and what was spent on it."""

    def key(cell: Cell) -> tuple[str, str]:
        return cell["kind"], cell["recipe"]

    for (kind, name), group in itertools.groupby(sorted(cells, key=key), key):
        same = list(group)
        table, last = tables[kind], same[-1]
        shown = [cell for cell in same if not (table.rates and cell["seed"] == 0)]
        hours = sum(cell["cpu_seconds"] for cell in same) / 3600
        for title, sets in table.parts:
            print(f"\nTable {table.number}, {kind}, {title}: {last['table_steps']} steps of {last['batch']}")
            about = last["machine"]
            print(f"recipe {name}, commit {about['commit']}, {about['cpu']}, {hours:.2f} h of processor time")
            header = (table.metric, "std", "gain", "95 %", "paper's", "CPU s")
            print_table([kind, "n", *header], summary(table, shown, sets))
        for figure, title in TEACHERS.items():
            found = sorted({cell["figures"][figure] for cell in same if figure in cell["figures"]})
            if found:
                print(f"Hmean of {title} on the same pages: {', '.join(f'{value:.3f}' for value in found)}")
