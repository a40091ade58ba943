"""How fast: the networks of the paper's Table 4, one image of 224 × 224 at a time.

    python -m benchmarks.table4 [--runs 300] [--engines "openvino f32" onnxruntime] [--threads 1]

Weights are random: time does not depend on them. The networks take turns, so that a busy machine slows all alike; the
figures are medians. The paper's are means of 30,000 images on 4 threads of a Xeon Gold 6148, in float32.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.common import add_out_argument, print_table, show_progress, write_result
from benchmarks.networks import add_engine_choice, engines, export, milliseconds
from ocr_core.backends import Backend

PAPER_MS = {
    "mobilenet_v1_x0_75": 3.88,
    "mobilenet_v2_x0_75": 4.56,
    "mobilenet_v3_small_x1_0": 4.20,
    "mobilenet_v3_large_x0_5": 4.54,
    "ghostnet_x0_5": 6.63,
    "lcnet_x1_0": 3.16,
}
OURS = "lcnet_x1_0"
WARM_UP = 10


def measure(backend: Backend, files: Mapping[str, Path], runs: int) -> dict[str, float]:
    """Return the median milliseconds of each network."""
    image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    networks = {name: backend.load(path, "classifier") for name, path in files.items()}
    times: dict[str, list[float]] = {name: [] for name in files}
    for number in range(runs + WARM_UP):
        show_progress(f"{backend.name} {number}")
        for name, network in networks.items():
            times[name].append(milliseconds(lambda network=network: network(image)))
    show_progress("")
    for network in networks.values():
        network.close()
    return {name: statistics.median(found[WARM_UP:]) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="images for each network and engine; default 300")
    add_engine_choice(parser)
    add_out_argument(parser, "table4")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = {name: export(name, Path(folder)) for name in PAPER_MS}
        found = {
            title: measure(engine, files, args.runs) for title, engine in engines(args.engines, args.threads).items()
        }
    print_table(
        ["ms an image", *found, "paper"],
        [[name, *(figures[name] for figures in found.values()), paper] for name, paper in PAPER_MS.items()],
    )
    print(f"\n{OURS} = 1:")
    print_table(
        ["ratio", *found, "paper"],
        [
            [name, *(figures[name] / figures[OURS] for figures in found.values()), paper / PAPER_MS[OURS]]
            for name, paper in PAPER_MS.items()
        ],
    )
    write_result(args.out, args, {"milliseconds": found, "paper": PAPER_MS})


if __name__ == "__main__":
    main()
