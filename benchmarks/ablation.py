"""Rows of the paper's Tables 2 and 3, trained small: does each part of the recipe help?

    python -m benchmarks.ablation --data DIR [--tables detector] [--seeds 1 2 3] [--steps 600] [--rows db cml]
    python -m benchmarks.ablation --show

A cell is a row and a seed. Finished cells are appended to --results and never trained again; a cell that was stopped
goes on from its checkpoint. All rows of a seed are trained before the next seed, and share its data, so that gains are
paired. A cell belongs to a recipe: configurations, steps, data, the teacher's maps, libraries, and the commit, which
must be clean. Processes with seeds of their own may train side by side.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.ablation_rows import TABLES, UDML, Row, Table
from benchmarks.ablation_tables import Cell, print_cells
from benchmarks.common import RESULTS, ROOT, machine
from benchmarks.runs import Run, trainer
from trainer.config import LabelledSource, load_config

CENTER_BATCHES = 120
CENTER_SHARE = 0.075
"""Of the loss, in the middle of the 5 to 10 % that `enhanced-light` is to have."""
CENTER_WEIGHT = 0.05
"""The paper's lambda, which `enhanced` takes."""
SEARCH_SEED = 0
SEARCH_STEPS = 1 / 3
"""Of a row's steps, in the search for its learning rate."""
PEER_SEED = 1000
"""Of the pretraining that peers start from."""
LIBRARIES = ("torch", "numpy", "opencv-python-headless", "matplotlib")
"""What draws, cuts and trains."""


class Ablation:
    """One table's cells, trained below `work` with one number of steps."""

    def __init__(self, table: Table, args: argparse.Namespace) -> None:
        self.table = table
        self.args = args
        self.work: Path = args.work / table.kind
        self.steps: int = args.steps or table.steps
        self.revision = commit()
        self.recipe = recipe(table, args.set, self.steps, inputs_digest(table, args.data), self.revision)

    def finished(self) -> Iterator[Cell]:
        """Train the cells that are missing in the results, all rows of a seed first, and yield them."""
        wanted = [row for row in self.table.rows if not self.args.rows or row.name in self.args.rows]
        for row in wanted:
            if self.table.rates and row.rate_of == row.name:
                for rate in self.table.rates:
                    yield from self._cell(row, SEARCH_SEED, rate)
        for seed, row in itertools.product(self.args.seeds, wanted):
            yield from self._cell(row, seed, self.rate(row))

    def rate(self, row: Row) -> str | None:
        """Return the learning rate that was best for a row on the seed of the search."""
        if not self.table.rates:
            return None
        tried = [cell for cell in self._cells() if cell["row"] == row.rate_of and cell["seed"] == SEARCH_SEED]
        if not {cell["rate"] for cell in tried}.issuperset(self.table.rates):
            sys.exit(f"{row.name}: the learning rate of {row.rate_of} is unknown: let that row be trained too")
        return str(max(tried, key=lambda cell: cell["figures"][self.table.metric])["rate"])

    def _cells(self) -> list[Cell]:
        return [cell for cell in read_cells(self.args.results) if cell["recipe"] == self.recipe]

    def _cell(self, row: Row, seed: int, rate: str | None) -> Iterator[Cell]:
        if any((cell["row"], cell["seed"], cell["rate"]) == (row.name, seed, rate) for cell in self._cells()):
            return
        run = self.train(row, seed, rate)
        figures = run.figures()
        self._refuse_bad_teacher(row, seed, figures)
        about = {"table": self.table.number, "kind": self.table.kind, "row": row.name, "seed": seed, "rate": rate}
        effort = {"table_steps": self.steps, "batch": run.batch(), "cpu_seconds": round(run.cpu_seconds(), 1)}
        judged = {"figures": figures, "shares": run.shares(), "items": run.items()}
        yield about | {"recipe": self.recipe} | effort | judged | {"machine": machine()}

    def train(self, row: Row, seed: int, rate: str | None) -> Run:
        """Train a cell, or go on with it."""
        run = self._run(row, seed, rate)
        if not run.done():
            files = _Files(self, row, seed, rate)
            changes = [change.format_map(files) for change in row.changes]
            rates = [f"optimizer.lr={rate}"] if rate else []
            common = [f"seed={seed}", f"schedule.steps={self._steps(row, seed)}", *rates]
            starts = self._starts(row, seed, rate)
            run.train(self.table.config, [*common, *changes, *self.args.set], self.args.data, starts)
        return run

    def _run(self, row: Row, seed: int, rate: str | None) -> Run:
        return Run(self.work / "-".join(filter(None, (self.recipe, row.name, str(seed), rate))))

    def _steps(self, row: Row, seed: int) -> int:
        share = SEARCH_STEPS if self.table.rates and seed == SEARCH_SEED else 1.0
        return max(1, round(self.steps * row.effort * share))

    def _starts(self, row: Row, seed: int, rate: str | None) -> list[str]:
        if row.after:
            before = self.train(self.table.row(row.after), seed, rate)
            return ["--init", str(before.state), "--init-peer", str(before.peer)]
        if not self.table.pretrain_whole:
            return ["--init-backbone", str(self.pretrained())] if self.table.pretrain else []
        network = [change for change in row.changes if change.startswith("net.")]
        starts = ["--init", str(self.pretrained(*network))]
        if UDML[0] in row.changes:
            # The same start would make twins, which have nothing to teach each other.
            starts += ["--init-peer", str(self.pretrained(*network, f"seed={PEER_SEED}"))]
        return starts

    def pretrained(self, *changes: str) -> Path:
        """Return the state of the pretraining with `changes`, one for all seeds of rows: from drawn data alone.

        Tables share it, but neither commits nor overrides do, as with cells.
        """
        assert self.table.pretrain is not None
        text = json.dumps([self.table.pretrain.read_text("utf-8"), changes, self.args.set, self.revision])
        run = Run(self.args.work / f"{self.table.pretrain.stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}")
        if not run.done():
            run.train(self.table.pretrain, changes, self.args.data)
        return run.state

    def centers(self, row: Row, seed: int, rate: str | None) -> Path:
        """Return the class centers of the state that a row continues."""
        run = self.train(self.table.row(row.after), seed, rate)
        path = run.folder / "centers.safetensors"
        if not path.exists():
            options = ["--state", str(run.state), "--out", str(path), "--batches", str(CENTER_BATCHES)]
            overrides = [f"seed={seed}", *self.args.set]
            options += [part for override in overrides for part in ("--set", override)]
            trainer("centers", str(self.table.config), "--data", str(self.args.data), *options)
        return path

    def weight(self, seed: int, rate: str | None) -> float:
        """Return the weight at which the center term would have had `CENTER_SHARE` of the loss of `enhanced`."""
        share = self.train(self.table.row("enhanced"), seed, rate).shares()["share/center"]
        return float(f"{CENTER_WEIGHT * (CENTER_SHARE / (1 - CENTER_SHARE)) * ((1 - share) / share):.3g}")

    def _refuse_bad_teacher(self, row: Row, seed: int, figures: dict[str, float]) -> None:
        teacher = figures.get("teacher_hmean")
        if teacher is None:
            return
        alone = [c["figures"]["hmean"] for c in self._cells() if (c["row"], c["seed"]) == (row.over, seed)]
        if alone and teacher <= alone[0]:
            sys.exit(f"{row.name}: the teacher ({teacher:.3f}) is no better than the student alone ({alone[0]:.3f})")


class _Files(dict[str, str]):
    """What `Row.changes` name, made when it is asked for."""

    def __init__(self, ablation: Ablation, row: Row, seed: int, rate: str | None) -> None:
        super().__init__()
        self._made: dict[str, Callable[[], object]] = {
            "centers": lambda: ablation.centers(row, seed, rate),
            "weight": lambda: ablation.weight(seed, rate),
        }

    def __missing__(self, name: str) -> str:
        return str(self._made[name]())


def recipe(table: Table, overrides: Sequence[str], steps: int, inputs: str, revision: str) -> str:
    """Return a short hash of everything that the cells of a table share: only cells of one recipe are compared."""
    configs = [path.read_text("utf-8") for path in (table.config, table.pretrain) if path]
    rows = [[row.name, row.changes, row.effort, row.after] for row in table.rows]
    text = json.dumps([configs, rows, list(overrides), steps, inputs, revision])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def inputs_digest(table: Table, data: Path) -> str:
    """Return a hash of what cells are trained from besides the code: sets, the teacher's maps, libraries that draw.

    Fonts are those that matplotlib brings, in the version that is counted here.
    """
    folders = {*table.maps}
    for path in (table.config, table.pretrain):
        if path:
            sources = load_config(path, []).data
            folders.update(s.path for s in (*sources.train, *sources.validate_on) if isinstance(s, LabelledSource))
    digest = hashlib.sha256(json.dumps({name: metadata.version(name) for name in LIBRARIES}).encode())
    for folder in sorted(folders):
        for path in sorted(path for path in (data / folder).rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(data)}".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def commit() -> str:
    """Return the commit that cells are trained with; ends this program where the tree has changes besides results."""
    clean = [":/", ":(exclude,top)benchmarks/results"]
    status = subprocess.run(
        ["git", "status", "--porcelain", "-uno", "--", *clean], cwd=ROOT, capture_output=True, text=True, check=True
    )
    if status.stdout:
        sys.exit(f"commit first: a cell is of a commit, and this tree has changes\n{status.stdout}")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return head.stdout.strip()


def read_cells(path: Path) -> list[Cell]:
    """Return the finished cells; lines that hold none, as where a process was killed while it wrote, are left out."""
    lines = path.read_text("utf-8", errors="replace").split("\n") if path.exists() else []
    found = (_cell_of(path, number, line) for number, line in enumerate(lines, start=1) if line.strip())
    return [cell for cell in found if cell is not None]


def _cell_of(path: Path, number: int, line: str) -> Cell | None:
    try:
        cell = json.loads(line)
    except ValueError:
        cell = None
    if isinstance(cell, dict):
        return cell
    _tell_of_bad_line(path, number)
    return None


@functools.cache
def _tell_of_bad_line(path: Path, number: int) -> None:
    """Name a line once, however often the file is read."""
    print(f"{path}:{number} holds no cell and is left out", file=sys.stderr)


def append_cell(path: Path, cell: Cell) -> None:
    """Write a finished cell behind the others, on a line of its own though the last one was cut short."""
    unfinished = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * unfinished + json.dumps(cell, separators=(",", ":")) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds the sets which the configurations name")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="train only these")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--steps", type=int, default=0, help="of a row; some take a multiple; default: the table's")
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
                append_cell(args.results, cell)
                metric = TABLES[kind].metric
                print(f"{cell['row']} {cell['seed']}: {metric} {cell['figures'][metric]:.3f}", flush=True)
    print_cells(TABLES, read_cells(args.results))


if __name__ == "__main__":
    main()
