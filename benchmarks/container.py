"""The service's image as it runs: how soon ready, and how much memory.

    python -m benchmarks.container --data DIR --sets receipts-sroie --limit 20

Each start is a container without rights and with a read-only file system, first without a place for
compiled networks, then with a new volume for them, then with what that start left there. Then it reads the images, one
at a time. Needs a Docker engine on this machine, Linux, and the right to use it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.coldstart import POLL_SECONDS, post
from benchmarks.common import add_data_arguments, add_out_argument, chosen_pages, print_table, rss_mb, write_result
from benchmarks.servers import free_port

CONFINED = ("--read-only", "--user", "10001", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
CACHE = "/var/cache/ocr"


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds, and resident memory in MB of 10⁶ bytes."""

    cache: str
    ready: float
    """From the start of the process, as the engine dates it, to a green /readyz."""
    commanded: float
    """The same from `docker run`: with the container's own making."""
    first: float
    """Of the first image."""
    rss_ready: float
    rss_read: float
    rss_peak: float


@dataclass(frozen=True, slots=True)
class Running:
    """A container that is ready; times by `time.time`."""

    port: int
    pid: int
    begin: float
    """When docker was told to run it."""
    started: float
    """When its process began, as the engine dates it."""
    ready: float

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


def docker(*arguments: str) -> str:
    """Run docker and return what it printed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def running(image: str, options: Sequence[str], timeout: float) -> Iterator[Running]:
    """Run the service without rights and with a read-only file system, wait until it is ready, and remove it."""
    port = free_port()
    begin = time.time()
    container = docker("run", "--detach", *CONFINED, "--publish", f"127.0.0.1:{port}:8000", *options, image)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz", container, timeout)
        ready = time.time()
        started, pid = docker("inspect", "--format", "{{.State.StartedAt}} {{.State.Pid}}", container).split()
        moment = datetime.fromisoformat(started[:26].rstrip("Z") + "+00:00").timestamp()
        yield Running(port, int(pid), begin, moment, ready)
    finally:
        docker("rm", "--force", container)


def start(args: argparse.Namespace, images: list[Path], cache: str, mounts: Sequence[str] = ()) -> Start:
    """Start a container, and ask it."""
    with running(args.image, mounts, args.timeout) as service:
        rss_ready, _ = rss_mb(service.pid)
        seconds = [post(service.url, image) for image in images]
        rss_read, rss_peak = rss_mb(service.pid)
        times = (service.ready - service.started, service.ready - service.begin, seconds[0])
        return Start(cache, *times, rss_ready, rss_read, rss_peak)


def all_starts(args: argparse.Namespace, images: list[Path]) -> Iterator[Start]:
    """Start without a place for compiled networks, with an empty one, and with a filled one, --runs times each."""
    for _ in range(args.runs):
        yield start(args, images, "none")
        volume = f"ocr-cache-{uuid.uuid4().hex[:8]}"
        try:
            for state in ("empty", "filled"):
                yield start(args, images, state, ("--volume", f"{volume}:{CACHE}"))
        finally:
            docker("volume", "rm", "--force", volume)


def wait_until_ready(url: str, container: str, timeout: float) -> None:
    """Wait for a green answer. The engine takes connections to a published port before anybody listens."""
    deadline = time.monotonic() + timeout
    while not green(url):
        if time.monotonic() > deadline:
            sys.exit(f"not ready after {timeout} s:\n{docker('logs', '--tail', '20', container)}")
        time.sleep(POLL_SECONDS)


def green(url: str) -> bool:
    """Ask once."""
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:  # not listening yet, or 503 while loading
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    parser.add_argument("--image", default="ocr-service:0.1.0-cpu")
    parser.add_argument("--runs", type=int, default=3, help="starts of each kind")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for /readyz")
    add_out_argument(parser, "container")
    args = parser.parse_args()
    images = [pages.path(row) for pages in chosen_pages(args) for row in pages.rows]
    starts = list(all_starts(args, images))
    header = ["cache", "ready s", "from docker run", "first image s", "RSS ready", "RSS read", "peak"]
    print_table(header, [list(asdict(one).values()) for one in starts])
    write_result(args.out, args, {"images": len(images), "starts": [asdict(one) for one in starts]})


if __name__ == "__main__":
    main()
