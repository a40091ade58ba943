"""What `ocr batch` would do on more cores, by the shares measured that do not scale."""

from __future__ import annotations

import argparse
import json
import statistics

from benchmarks.common import RESULTS, print_table, write_result


def project(args: argparse.Namespace) -> None:
    """Print what more cores would do, from what was measured on one and two; nobody has run it.

    A core reads a page in the seconds that reading and the store cost it. One process hands out the work of a shard:
    its seconds a file are the bound that more cores do not move, and the reason for shards. Every shard lists the
    bucket and loads the model before it reads.
    """
    runs = json.loads((RESULTS / "bulk_speed.json").read_text())["speeds"]

    def median(key: str, *ways: str) -> float:
        of_one_core = [run for run in runs if run["way"] in ways and run["cores"] == 1 and run.get(key) is not None]
        return statistics.median(run[key] for run in of_one_core)

    listing, own = median("list_seconds_a_thousand", "s3"), median("own_cpu_seconds_a_page", "batch", "s3")
    engine = median("cpu_seconds_a_page", "engine", "batch")  # one figure: they differ by less than two runs of one do
    page = engine + own + median("store_cpu_seconds_a_file", "s3")
    rows = []
    for cores in (1, 2, 16, 64, 256):
        for shards in sorted({1, max(1, cores // args.group)}):
            rate = min(cores / page, shards / own)
            before = args.files / 1000 * listing + args.start
            rows.append(
                {
                    "cores": cores,
                    "shards": shards,
                    "pages_a_second": round(rate, 1),
                    "share_of_engine": round(rate * engine / cores, 3),
                    "hours": round((args.files / rate + before) / 3600, 2),
                    "share_before_reading": round(before / (args.files / rate + before), 3),
                }
            )
    measured = {"engine": engine, "batch_and_store": page, "own": own, "list_a_thousand": listing}
    print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    write_result(args.out, args, {"projection": rows, "from": measured})
