"""How fast training is here: rendering on one core, then images a second of each network and method.

    python -m benchmarks.training [--seconds 8] [--steps 9] [--precisions off bf16] [--set compute.threads=1]

The networks train on rendered data alone, as `trainer train` does it by default: the step on the cores that its workers
leave. Of each run the first third warms up. `waiting` is the share of the time in which a step waits for its data.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import add_out_argument, print_table, write_result
from benchmarks.render_speed import rendering
from benchmarks.runs import CONFIGS, Run

PAPER_NET = ("net.backbone=lcnet", "net.neck=bilstm", "net.grey=false")
TEACHER_NET = ("net.backbone=resnet18_vd", "net.neck_channels=256")
CML = ("method.distill=cml", "method.teacher={teacher}")
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "rec, the paper's network": ("rec", PAPER_NET),
    "rec, the paper's network, U-DML": ("rec", (*PAPER_NET, "method.distill=udml")),
    "rec, fast": ("rec", ()),
    "rec, fast, U-DML": ("rec", ("method.distill=udml",)),
    "det": ("det", ()),
    "det, CML": ("det", CML),
}
"""Configuration and changes by title."""
SHAPES = {
    "rec": ("data.batch=16", "data.group=1", "data.widths=[320]"),
    "det": ("data.batch=4", "data.group=1", "data.size=416"),
}
"""Lines 320 wide in batches of 16, views of 416 in batches of 4; few are prepared ahead, or a run as short as these
would not show that data comes too slowly."""
CONFIG = {kind: CONFIGS / f"{kind}-fast.toml" for kind in SHAPES}


def overrides(kind: str, steps: int, more: Sequence[str]) -> list[str]:
    """Return what makes the fast configuration of `kind` a short run on rendered data."""
    source = "{kind='rendered'}", "{kind='rendered', count=1}"
    short = [f"data.train=[{source[0]}]", f"data.validate_on=[{source[1]}]", f"schedule.steps={steps}"]
    quiet = ["compute.validate_every=1000000", "compute.save_every=1000000", f"compute.log_every={max(1, steps // 3)}"]
    return [*short, *quiet, "compute.threads=0", *SHAPES[kind], *more]


def speed(kind: str, folder: Path, steps: int, more: Sequence[str]) -> tuple[float, float]:
    """Return images a second and the share of waiting, the first third of the steps left out."""
    run = Run(folder)
    run.train(CONFIG[kind], overrides(kind, steps, more))
    rows = run.rows("train")[1:]
    seconds = [1 / row["images_per_second"] for row in rows]
    waited = [second * row["share_waiting"] for second, row in zip(seconds, rows, strict=True)]
    return len(rows) / sum(seconds), sum(waited) / sum(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8, help="for each figure of rendering; default 8")
    parser.add_argument("--steps", type=int, default=9, help="of each run, a multiple of 3; default 9")
    parser.add_argument("--precisions", nargs="+", choices=("off", "bf16"), default=["off", "bf16"])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="override an option of every run")
    add_out_argument(parser, "training")
    args = parser.parse_args()
    drawn = rendering(args.seconds)
    print_table(["rendering, one core", "figure"], list(drawn.items()))
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        teacher = Run(Path(temporary) / "teacher")
        teacher.train(CONFIG["det"], overrides("det", 1, [*TEACHER_NET, "data.size=64", "serving.max_side=64"]))
        for number, (title, (kind, changes)) in enumerate(CASES.items()):
            found[title] = {}
            for precision in args.precisions:
                more = [change.format(teacher=teacher.state) for change in changes]
                folder = Path(temporary) / f"{number}-{precision}"
                rate, waiting = speed(kind, folder, args.steps, [*more, *args.set, f"compute.amp={precision}"])
                found[title] |= {f"{precision} img/s": rate, f"{precision} waiting": waiting}
            print(title, found[title], flush=True)
    print_table(["training", *next(iter(found.values()))], [[title, *row.values()] for title, row in found.items()])
    write_result(args.out, args, {"rendering": drawn, "training": found})


if __name__ == "__main__":
    main()
