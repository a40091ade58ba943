"""Learning by heart: what a network cannot do after this, it cannot do at all.

    python -m benchmarks.memorise [--runs rec rec-udml det det-dml det-cml] [--set compute.amp=bf16 compute.threads=1]

24 rendered pages for the detector (Hmean ≥ 0.95 is expected), 500 rendered lines for the recognizer (accuracy ≥ 0.99),
each trained plainly and by distillation; CML's teacher is the plain detector. Prints what each run reached.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT, add_out_argument, print_table, write_result
from benchmarks.runs import CONFIGS, Run

MEMORISE = CONFIGS / "memorise"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A configuration of `trainer/configs/memorise`, what is changed in it, and the bar."""

    config: str
    metric: str
    bar: float
    changes: tuple[str, ...] = ()


RECIPES = {
    "rec": Recipe("rec", "acc", 0.99),
    "rec-udml": Recipe("rec", "acc", 0.99, ("method.distill=udml",)),
    "det": Recipe("det", "hmean", 0.95),
    "det-dml": Recipe("det", "hmean", 0.95, ("method.distill=dml",)),
    "det-cml": Recipe("det", "hmean", 0.95, ("method.distill=cml", "method.teacher={teacher}", "schedule.steps=200")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="override an option of every run")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "memorise", help="folder of the runs")
    add_out_argument(parser, "memorise")
    args = parser.parse_args()
    work = args.work.resolve()
    teacher = work / "det"
    found = {}
    for name in args.runs:
        recipe, run = RECIPES[name], Run(work / name)
        if "{teacher}" in "".join(recipe.changes):
            Run(teacher).train(MEMORISE / "det.toml", args.set)
        changes = [change.format(teacher=Run(teacher).state) for change in recipe.changes]
        run.train(MEMORISE / f"{recipe.config}.toml", [*changes, *args.set])
        value, steps = run.figures()[recipe.metric], run.rows("train")[-1]["step"]
        found[name] = {recipe.metric: value, "bar": recipe.bar, "steps": steps, "minutes": run.step_seconds() / 60}
        print(f"{name}: {recipe.metric} {value:.4f} after {steps} steps", flush=True)
    print_table(["run", "reached", "bar", "steps", "minutes"], [[name, *row.values()] for name, row in found.items()])
    write_result(args.out, args, {"runs": found})


if __name__ == "__main__":
    main()
