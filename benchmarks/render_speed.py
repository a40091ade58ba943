"""How fast training data is rendered: lines and pages a second on one core.

    python -m benchmarks.render_speed [--seconds 20]

Drawn lines and pages come first, then those from PDFs, if there are any. A second is one of processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from benchmarks.common import ROOT, add_out_argument, print_table, write_result


def rendering(seconds: float) -> dict[str, float]:
    """Return what one core renders a second, each figure taken for so many seconds."""
    command = [sys.executable, "-m", "trainer.render", "speed", "--seconds", str(seconds)]
    single = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=single, stdout=subprocess.PIPE, check=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="for each figure; default 20")
    add_out_argument(parser, "render_speed")
    args = parser.parse_args()
    figures = rendering(args.seconds)
    print_table(("what", "figure"), list(figures.items()))
    write_result(args.out, args, figures)


if __name__ == "__main__":
    main()
