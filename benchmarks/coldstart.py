"""How soon: from the start of the service's process to a green /readyz, and its first request beside later ones.

    python -m benchmarks.coldstart --data DIR --sets receipts-sroie [--runs 5]

The service is started with an empty cache folder once, then --runs times with what that left there. Each time one
image, the first of the first set, is posted at once and then --requests times more.
"""

from __future__ import annotations

import argparse
import mimetypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, write_result
from benchmarks.servers import free_port
from benchmarks.systems import add_model_arguments

POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Start:
    """What one start took, in seconds."""

    cache: str
    ready: float
    first: float
    steady: float
    """Median of the requests after the first."""

    @property
    def ratio(self) -> float:
        """How many times a steady request the first one took."""
        return self.first / self.steady


@contextmanager
def serving(args: argparse.Namespace, cache: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the service on a free port, give its address, and end it."""
    port = free_port()
    environment = {
        "OCR_HOST": "127.0.0.1",
        "OCR_PORT": str(port),
        "OCR_MODEL_STORE": args.store,
        "OCR_MODEL": args.model,
        "OCR_BACKEND": args.backend,
        "OCR_CACHE_DIR": cache,
        "OCR_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen(args.command, env={**os.environ, **environment})
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"the service ended with status {process.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=timeout):
                return
        except OSError:  # not listening yet, or 503 while loading
            time.sleep(POLL_SECONDS)
    sys.exit(f"not ready after {timeout} s")


def post(url: str, image: Path) -> float:
    """Return the seconds that one request takes."""
    kind = mimetypes.guess_type(image.name)[0] or "application/octet-stream"
    request = urllib.request.Request(f"{url}/v1/ocr", image.read_bytes(), {"Content-Type": kind})
    start = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    return time.perf_counter() - start


def measure(args: argparse.Namespace, image: Path, cache: str, state: str) -> Start:
    """Start the service once and ask it."""
    begin = time.perf_counter()
    with serving(args, cache) as (url, process):
        wait_until_ready(url, process, args.timeout)
        ready = time.perf_counter() - begin
        first = post(url, image)
        return Start(state, ready, first, statistics.median(post(url, image) for _ in range(args.requests)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument(
        "--command",
        nargs="+",
        default=[str(Path(sys.executable).with_name("ocr")), "serve"],
        help="how to start the service; default `ocr serve` of this environment",
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=15)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for /readyz")
    add_out_argument(parser, "coldstart")
    args = parser.parse_args()
    pages = chosen_pages(args)[0]
    image = pages.path(pages.rows[0])
    with tempfile.TemporaryDirectory() as cache:
        states = ["empty", *["filled"] * args.runs]
        starts = [measure(args, image, cache, state) for state in states]
    print_table(
        ["cache", "ready s", "first s", "steady s", "first : steady"],
        [[start.cache, start.ready, start.first, start.steady, f"{start.ratio:.2f}"] for start in starts],
    )
    write_result(args.out, args, {"starts": [asdict(start) | {"ratio": start.ratio} for start in starts]})


if __name__ == "__main__":
    main()
