"""Rows of the paper's Tables 2 and 3, trained small: does each part of the recipe help?

    python -m benchmarks.ablation --data DIR [--tables recognizer] [--seeds 1 2 3] [--minutes 12] [--teacher STATE]
    python -m benchmarks.ablation --show

A cell is a row and a seed. All cells of a table take the same number of steps, so that they see the same samples, as in
the paper: as many as the slowest row does in --minutes here, or --steps. Finished cells are appended to --results and
never trained again; a cell that was stopped goes on. Rows of one seed share its data, so gains are paired by seed.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation_rows import TABLES, TEACHER, Row, Table
from benchmarks.common import RESULTS, ROOT, machine, print_table
from benchmarks.runs import Run, trainer

TRIAL_STEPS = 20
CENTER_BATCHES = 60
Cell = dict[str, Any]


class Ablation:
    """One table's cells, trained below `work` with one number of steps."""

    def __init__(self, table: Table, args: argparse.Namespace) -> None:
        self.table = table
        self.args = args
        self.work: Path = args.work / table.kind
        self.steps: int = args.steps or self._affordable(table.row(table.slowest))
        self.recipe = recipe(table, args.set, self.steps, args.teacher_steps)

    def finished(self) -> Iterator[Cell]:
        """Train the cells that are missing in the results, all rows of a seed first, and yield them."""
        for seed, row in itertools.product(self.args.seeds, self.table.rows):
            if not any(self._is(cell, row, seed) for cell in read_cells(self.args.results)):
                run = self.train(row, seed)
                yield self._cell(row, seed, run)

    def train(self, row: Row, seed: int) -> Run:
        """Train a cell, or go on with it."""
        run = Run(self.work / f"{self.recipe}-{row.name}-{seed}")
        run.train(self.table.config, self._overrides(row, seed, self.steps), self.args.data)
        return run

    def _overrides(self, row: Row, seed: int, steps: int) -> list[str]:
        changes = [change.format_map(_Files(self, seed)) for change in row.changes]
        return [f"seed={seed}", f"schedule.steps={steps}", *changes, *self.args.set]

    def _affordable(self, row: Row) -> int:
        """Return the steps of a row that fit into the minutes, found by a few of them; remembered in `work`."""
        kept = self.work / f"steps-{row.name}-{self.args.minutes:g}"
        if not kept.exists():
            with tempfile.TemporaryDirectory() as folder:
                trial = Run(Path(folder))
                short = ["compute.log_every=5", f"schedule.steps={TRIAL_STEPS}", "schedule.warmup=0"]
                trial.train(self.table.config, [*self._overrides(row, 0, TRIAL_STEPS), *short], self.args.data)
                seconds = trial.batch() / statistics.median(r["images_per_second"] for r in trial.rows("train"))
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(f"{max(1, int(60 * self.args.minutes / seconds))}\n")
        return int(kept.read_text())

    def teacher(self) -> Path:
        """Return the state of the teacher, the same for all seeds: the one given, or one that is trained here."""
        if self.args.teacher:
            return Path(self.args.teacher).resolve()
        run = Run(self.work / f"{self.recipe}-teacher")
        if not run.state.exists():
            steps = self.args.teacher_steps or self._affordable(TEACHER)
            run.train(self.table.config, self._overrides(TEACHER, 0, steps), self.args.data)
            print(f"teacher: {self.table.metric} {run.figures()[self.table.metric]:.3f}", flush=True)
        return run.state

    def centers(self, seed: int) -> Path:
        """Return class centers of the plain recognizer of a seed."""
        plain = self.train(self.table.row("lcnet"), seed)
        path = plain.folder / "centers.safetensors"
        if not path.exists():
            options = ["--state", str(plain.state), "--out", str(path), "--batches", str(CENTER_BATCHES)]
            overrides = [f"seed={seed}", *self.args.set]
            options += [part for override in overrides for part in ("--set", override)]
            trainer("centers", str(self.table.config), "--data", str(self.args.data), *options)
        return path

    def _is(self, cell: Cell, row: Row, seed: int) -> bool:
        return (cell["recipe"], cell["row"], cell["seed"]) == (self.recipe, row.name, seed)

    def _cell(self, row: Row, seed: int, run: Run) -> Cell:
        about = {"table": self.table.number, "kind": self.table.kind, "row": row.name, "seed": seed}
        effort = {"steps": self.steps, "batch": run.batch(), "step_seconds": round(run.step_seconds(), 1)}
        return about | {"recipe": self.recipe} | effort | {"figures": run.figures(), "machine": machine()}


class _Files(dict[str, str]):
    """The files that `Row.changes` name, made when they are asked for."""

    def __init__(self, ablation: Ablation, seed: int) -> None:
        super().__init__()
        self._ablation = ablation
        self._seed = seed

    def __missing__(self, name: str) -> str:
        path = self._ablation.teacher() if name == "teacher" else self._ablation.centers(self._seed)
        return str(path)


def recipe(table: Table, overrides: Sequence[str], steps: int, teacher_steps: int = 0) -> str:
    """Return a short hash of everything that the cells of a table share: only cells of one recipe are compared."""
    changes = [row.changes for row in table.rows]
    effort = [steps, teacher_steps] if table.kind == "detector" else [steps]
    text = json.dumps([table.config.read_text("utf-8"), changes, TEACHER.changes, list(overrides), *effort])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_cells(path: Path) -> list[Cell]:
    """Return the finished cells."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation of a sample; None where there are too few for it."""
    return (
        statistics.mean(values) if values else None,
        statistics.stdev(values) if len(values) > 1 else None,
    )


def summary(table: Table, cells: Iterable[Cell]) -> list[list[object]]:
    """Return the rows to print for cells of one recipe: gains are over the first row, seed by seed."""
    by_row: dict[str, dict[int, Cell]] = {row.name: {} for row in table.rows}
    for cell in cells:
        by_row[cell["row"]][cell["seed"]] = cell["figures"]
    first = by_row[table.rows[0].name]
    lines = []
    for row in table.rows:
        found = by_row[row.name]
        values = [figures[table.metric] for figures in found.values()]
        gains = [found[seed][table.metric] - first[seed][table.metric] for seed in found if seed in first]
        others = [spread([figures[name] for figures in found.values()])[0] for name in table.others]
        paper = (row.paper, row.paper - table.rows[0].paper)
        lines.append([row.title, len(values), *spread(values), *spread(gains), *others, *paper])
    return lines


def print_cells(cells: Sequence[Cell]) -> None:
    def key(cell: Cell) -> tuple[int, str]:
        return cell["table"], cell["recipe"]

    for (number, name), group in itertools.groupby(sorted(cells, key=key), key):
        same = list(group)
        table = TABLES[same[0]["kind"]]
        print(f"\nTable {number}, recipe {name}: {same[0]['steps']} steps of {same[0]['batch']}")
        header = [table.metric, "std", "gain", "std", *table.others, "paper", "gain"]
        print_table([table.kind, "n", *header], summary(table, same))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds the sets which the configurations name")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--minutes", type=float, default=12, help="for the steps of the slowest row; default 12")
    parser.add_argument("--steps", type=int, default=0, help="of every cell; default: what --minutes affords")
    parser.add_argument("--teacher-steps", type=int, default=0, help="of its training; default: what --minutes affords")
    parser.add_argument("--teacher", help="state of a trained detector; default: one is trained for --minutes")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="override an option of every cell")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "ablation", help="folder of the runs")
    parser.add_argument("--results", type=Path, default=RESULTS / "ablation.jsonl")
    parser.add_argument("--show", action="store_true", help="print what was found so far and train nothing")
    args = parser.parse_args()
    if not args.show:
        if args.data is None:
            parser.error("--data is needed to train")
        args.data, args.work = args.data.resolve(), args.work.resolve()
        for kind in args.tables:
            for cell in Ablation(TABLES[kind], args).finished():
                with args.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(cell) + "\n")
                metric = TABLES[kind].metric
                print(f"{cell['row']} {cell['seed']}: {metric} {cell['figures'][metric]:.3f}", flush=True)
    print_cells(read_cells(args.results))


if __name__ == "__main__":
    main()
