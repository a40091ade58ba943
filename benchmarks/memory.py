"""How much memory the service holds after it has read every image of some sets, one after the other.

python -m benchmarks.memory --data DIR [--sets NAME ...]
"""

from __future__ import annotations

import argparse
from collections import Counter

from benchmarks.clients import Client, post_of
from benchmarks.common import add_data_arguments, add_out_argument, chosen_sets, print_table, write_result
from benchmarks.servers import running, service
from benchmarks.systems import add_model_arguments
from ocr_core.scoring import CropSet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    add_out_argument(parser, "memory")
    args = parser.parse_args()
    rows = []
    with running(service(args, log_level="error"), None) as server:
        rows.append(["ready", 0, "", *server.rss()])
        client = Client(server.port)
        for dataset in chosen_sets(args):
            query = "?detect=false" if isinstance(dataset, CropSet) else ""
            answers = Counter(
                client.send(post_of(server, dataset.path(row), query=query))[0].status for row in dataset.rows
            )
            statuses = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
            rows.append([dataset.name, len(dataset.rows), statuses, *server.rss()])
        client.close()
    print_table(["after", "images", "answers", "MB", "peak MB"], rows)
    write_result(args.out, args, {"rows": rows})


if __name__ == "__main__":
    main()
