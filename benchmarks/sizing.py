"""What a container of so many cores reads in a second, and the memory it takes: for docs/deployment.md.

    python -m benchmarks.sizing --data DIR --sets receipts-sroie documents forms --limit 20 --cpus 1 2

The cores are a quota (`docker run --cpus`), as a limit in Kubernetes is. Clients that each wait for their answer send
the images of one set after the other, then those of all sets in turn. Needs what `benchmarks.container` needs.
"""

from __future__ import annotations

import argparse
import mimetypes
from pathlib import Path
from typing import Any

from benchmarks.clients import Post, closed_loop, summary
from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, rss_mb, write_result
from benchmarks.container import running


def request(image: Path) -> Post:
    """Return the request that reads an image."""
    kind = mimetypes.guess_type(image.name)[0] or "application/octet-stream"
    return Post("/v1/ocr", image.read_bytes(), {"Content-Type": kind})


def measure(args: argparse.Namespace, cpus: str, sets: dict[str, list[Post]]) -> dict[str, Any]:
    """Return pages a second of each set, and the memory in MB of 10⁶ bytes."""
    clients = args.clients * round(float(cpus) + 0.49)
    with running(args.image, ("--cpus", cpus), args.timeout) as service:
        closed_loop(service.port, sets["mixed"], clients, args.warm_up)
        loads = {
            name: summary(closed_loop(service.port, posts, clients, args.seconds), args.seconds)
            for name, posts in sets.items()
        }
        rss, peak = rss_mb(service.pid)
    return {"clients": clients, "sets": loads, "rss_mb": rss, "peak_rss_mb": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    parser.add_argument("--image", default="ocr-service:0.1.0-cpu")
    parser.add_argument("--cpus", nargs="+", default=["1", "2"], help="quotas, in cores")
    parser.add_argument("--clients", type=int, default=3, help="for each core")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each set")
    parser.add_argument("--warm-up", type=float, default=5.0, help="seconds before")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for /readyz")
    add_out_argument(parser, "sizing")
    args = parser.parse_args()
    sets = {pages.name: [request(pages.path(row)) for row in pages.rows] for pages in chosen_pages(args)}
    sets["mixed"] = [post for group in zip(*sets.values(), strict=False) for post in group]
    found = {cpus: measure(args, cpus, sets) for cpus in args.cpus}
    rows = [
        [cpus, one["rss_mb"], one["peak_rss_mb"], *(load["requests_per_second"] for load in one["sets"].values())]
        for cpus, one in found.items()
    ]
    print_table(["cores", "RSS MB", "peak", *(f"{name}/s" for name in sets)], rows)
    write_result(args.out, args, {"cores": found})


if __name__ == "__main__":
    main()
