"""Models swapped under load: versions of a bundle are published one after the other while clients read.

    python -m benchmarks.swap --data DIR --sets receipts-sroie --limit 4 [--swaps 200]

The versions are the same bundle under other names, so that every answer can be checked against its model's digest.
In the end versions are published that are broken in each of their files, and one that does not read its golden sample
as its manifest says; nobody but a metric and the log should notice.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.clients import Client, Post, post_of, quantile
from benchmarks.common import (
    add_data_arguments,
    add_out_argument,
    chosen_pages,
    print_table,
    show_progress,
    write_result,
)
from benchmarks.servers import Running, running, service
from benchmarks.systems import add_model_arguments
from ocr_core.bundle.base import Store
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.store import open_store
from ocr_core.bundle.writer import write_bundle

POLL_SECONDS = 0.2
PATIENCE = 120.0


class Readers:
    """Clients that send images until told to stop, and note what was wrong with the answers."""

    def __init__(self, server: Running, posts: list[Post], count: int) -> None:
        self._server = server
        self._posts = posts
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(count)
        self._work: list[Future[None]] = [self._pool.submit(self._read, i) for i in range(count)]
        self.seconds: list[float] = []
        self.faults: list[str] = []
        self.digests: set[str] = set()

    def stop(self) -> None:
        """Wait until every client has its last answer."""
        self._over.set()
        for work in self._work:
            work.result()

    def _read(self, first: int) -> None:
        client = Client(self._server.port)
        turn = first
        while not self._over.is_set():
            turn += 1
            answer, headers, body = client.send(self._posts[turn % len(self._posts)])
            self.seconds.append(answer.seconds)
            if answer.status != 200 or headers is None:
                self.faults.append(f"status {answer.status}: {body[:200]!r}")
                continue
            digest = json.loads(body)["model"]["digest"]
            self.digests.add(digest)
            if digest != headers["x-model-digest"]:
                self.faults.append("two models in one answer")
        client.close()


def renamed(bundle: Bundle, version: str, folder: Path) -> Bundle:
    """Write the same bundle as another version."""
    files = [bundle.file(file) for file in bundle.manifest.files()]
    return write_bundle(folder / version, bundle.manifest.model_copy(update={"version": version}), files)


def publish(store: Store, bundle: Bundle, version: str) -> None:
    """Publish the bundle as `version` and make it current."""
    with tempfile.TemporaryDirectory() as folder:
        store.publish(renamed(bundle, version, Path(folder)))


def publish_broken(store: Store, root: Path, bundle: Bundle, version: str, file: str) -> None:
    """Publish a version one of whose files was cut off by a careless hand."""
    with tempfile.TemporaryDirectory() as folder:
        store.publish(renamed(bundle, version, Path(folder)), make_current=False)
    target = root / bundle.manifest.name / version / file
    target.write_bytes(target.read_bytes()[:-1])
    (root / bundle.manifest.name / "current").write_text(version)


def publish_misreading(store: Store, bundle: Bundle, version: str) -> None:
    """Publish a version that reads its golden sample otherwise than its manifest says."""
    golden = bundle.manifest.golden.model_copy(update={"text": ("nothing like it",)})
    files = [bundle.file(file) for file in bundle.manifest.files()]
    manifest = bundle.manifest.model_copy(update={"version": version, "golden": golden})
    with tempfile.TemporaryDirectory() as folder:
        store.publish(write_bundle(Path(folder) / version, manifest, files))


def wait_until_refused(server: Running, before: float) -> None:
    """Wait until one more version was refused than `before`."""
    end = time.monotonic() + PATIENCE
    while reloads(server).get("refused", 0.0) == before:
        if time.monotonic() > end:
            raise SystemExit(f"a broken version was not refused in {PATIENCE:.0f} s")
        time.sleep(POLL_SECONDS)


def wait_for(server: Running, version: str) -> float:
    """Return the seconds until `version` answers requests that name none."""
    begin = time.monotonic()
    while time.monotonic() < begin + PATIENCE:
        if json.loads(server.get("/version")[1])["model"]["version"] == version:
            return time.monotonic() - begin
        time.sleep(POLL_SECONDS / 4)
    raise SystemExit(f"{version} was not taken up in {PATIENCE:.0f} s")


def reloads(server: Running) -> dict[str, float]:
    """Return the counts of `ocr_model_reload_total` by result."""
    rows = server.get("/metrics")[1].decode().splitlines()
    return {row.split('"')[1]: float(row.split()[-1]) for row in rows if row.startswith("ocr_model_reload_total{")}


def swap(server: Running, root: Path, bundle: Bundle, posts: list[Post], args: argparse.Namespace) -> dict[str, Any]:
    """Publish versions under load and return what the clients and the memory saw of it."""
    store = open_store(root)
    readers = Readers(server, posts, args.clients)
    seconds, memory = [], []
    end = time.monotonic() + 60 * args.minutes
    for number in range(1, args.swaps + 1):
        if time.monotonic() > end:
            break
        publish(store, bundle, f"swap-{number}")
        seconds.append(wait_for(server, f"swap-{number}"))
        memory.append(server.rss()[0])
        show_progress(f"{number}/{args.swaps}: {memory[-1]:.0f} MB, {len(readers.faults)} faults")
    show_progress("")
    for number, file in enumerate(file.file for file in bundle.manifest.files()):
        refused = reloads(server).get("refused", 0.0)
        publish_broken(store, root, bundle, f"broken-{number}", file)
        wait_until_refused(server, refused)
    refused = reloads(server).get("refused", 0.0)
    publish_misreading(store, bundle, "misreading")
    wait_until_refused(server, refused)
    last = json.loads(server.get("/version")[1])["model"]["version"]
    readers.stop()
    return {
        "swaps": len(seconds),
        "answers": len(readers.seconds),
        "faults": readers.faults,
        "digests": len(readers.digests),
        "version_in_the_end": last,
        "median_seconds_of_a_swap": quantile(sorted(seconds), 0.5),
        "p99_seconds_of_a_read": quantile(sorted(readers.seconds), 0.99),
        "mb_after_each": [round(mb) for mb in memory],
        "reloads": reloads(server),
        "probes": {path: server.get(path)[0] for path in ("/livez", "/readyz")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_arguments(parser)
    add_model_arguments(parser)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long, by default never")
    parser.add_argument("--clients", type=int, default=3)
    add_out_argument(parser, "swap")
    args = parser.parse_args()
    bundle = open_store(args.store).open(args.model)
    images = [pages.path(row) for pages in chosen_pages(args) for row in pages.rows]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        publish(open_store(root), bundle, "first")
        args.store = str(root)
        program = service(
            args, model=bundle.manifest.name, model_poll_seconds=POLL_SECONDS, cache_dir=f"{folder}/cache"
        )
        with running(program, None) as server:
            result = swap(server, root, bundle, [post_of(server, image) for image in images], args)
        shutil.rmtree(root)
    print_table(["", "value"], [[key, str(value)] for key, value in result.items()])
    write_result(args.out, args, result)


if __name__ == "__main__":
    main()
