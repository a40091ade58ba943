"""`ocr batch`: killed again and again, and its speed beside the engine's own.

    python -m benchmarks.bulk kills --data DIR --sets NAME … [--files 5000] [--broken 20] [--kills 5]
    python -m benchmarks.bulk speed --data DIR --sets NAME … --limit N --way engine|batch|shards|ray|s3 [--cores 1|2]
    python -m benchmarks.bulk projection

`kills` makes a folder of links to images of the sets and of broken files, kills the command with -9 at random and
starts it again, and looks at what is there in the end. `speed` reads images of the sets; its clock starts when a tenth
of them is read, so that loading is in no figure. Beside the pages a second stand the seconds that all processes compute
for a page, which tell more where others use the machine too, and those of the process that hands out the work. `s3` is
a bucket of moto's server on this machine. `projection` says from the speeds what more cores would do; nobody has run it
on them.
"""

from __future__ import annotations

import argparse

from benchmarks.bulk.kills import measure_kills
from benchmarks.bulk.projection import project
from benchmarks.bulk.speed import measure_speed
from benchmarks.common import add_data_arguments, add_out_argument


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    kills = commands.add_parser("kills")
    add_data_arguments(kills)
    kills.add_argument("--files", type=int, default=5000)
    kills.add_argument("--broken", type=int, default=20)
    kills.add_argument("--kills", type=int, default=5)
    kills.add_argument("--seed", type=int, default=1)
    add_out_argument(kills, "bulk_kills")
    speed = commands.add_parser("speed")
    add_data_arguments(speed)
    speed.add_argument("--way", choices=("engine", "batch", "shards", "ray", "s3"), required=True)
    speed.add_argument("--cores", type=int, default=1)
    add_out_argument(speed, "bulk_speed")
    projection = commands.add_parser("projection")
    projection.add_argument("--files", type=int, default=1_000_000)
    projection.add_argument("--group", type=int, default=16, help="cores of a shard")
    projection.add_argument("--start", type=float, default=10.0, help="seconds until a shard's model is loaded")
    add_out_argument(projection, "bulk_projection")
    args = parser.parse_args()
    {"kills": measure_kills, "speed": measure_speed, "projection": project}[args.command](args)


if __name__ == "__main__":
    main()
