"""HTTP servers as processes: the service of this repository and RapidOCR's own, started, watched and ended."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import on_cores, rss_mb

POLL_SECONDS = 0.02
START_SECONDS = 180.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """How to start a server, and what to ask it. `{port}` in the command stands for its port."""

    name: str
    command: tuple[str, ...]
    ready: str
    """Path that answers 200 once images can be read."""
    path: str
    """Where images are posted."""
    form_field: str | None
    """Name of the form field for the image; None posts the bare bytes."""
    environment: dict[str, str] = field(default_factory=dict)
    stop_seconds: float = STOP_SECONDS
    """After SIGTERM, before it is killed."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    program: Program
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def rss(self) -> tuple[float, float]:
        """Return its resident memory, now and at its peak, in MB."""
        return rss_mb(self.process.pid)

    def descriptors(self) -> int:
        """Return the number of its open files and connections. Linux only."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a path."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def service(args: argparse.Namespace, **settings: object) -> Program:
    """Return the service of this repository, with the model that the arguments choose and further settings."""
    chosen = {
        "model_store": args.store,
        "model": args.model,
        "backend": args.backend,
        "log_level": "warning",
    } | settings
    return Program(
        name="ocr serve",
        command=(str(Path(sys.executable).with_name("ocr")), "serve", "--host", "127.0.0.1", "--port", "{port}"),
        ready="/readyz",
        path="/v1/ocr",
        form_field=None,
        environment={f"OCR_{name.upper()}": str(value) for name, value in chosen.items()},
    )


def rapidocr_api(python: str) -> Program:
    """Return RapidOCR's API server, run by the interpreter of the environment that holds it."""
    return Program(
        name="rapidocr_api",
        command=(python, "-m", "rapidocr_api.main", "--ip", "127.0.0.1", "--port", "{port}"),
        ready="/",
        path="/ocr",
        form_field="image_file",
        stop_seconds=5.0,
    )


@contextmanager
def running(program: Program, cores: Sequence[int] | None) -> Iterator[Running]:
    """Start a server bound to some cores, wait until it is ready, and end it by SIGTERM afterwards."""
    port = free_port()
    command = [part.format(port=port) for part in program.command]
    with on_cores(cores):
        process = subprocess.Popen(
            command, env={**os.environ, **program.environment}, stdout=subprocess.DEVNULL, stderr=sys.stderr
        )
    server = Running(program, port, process)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(program.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: Running) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            sys.exit(f"{server.program.name} ended with status {server.process.returncode}")
        try:
            if server.get(server.program.ready)[0] == 200:
                return
        except OSError:  # not listening yet
            pass
        time.sleep(POLL_SECONDS)
    sys.exit(f"{server.program.name} was not ready after {START_SECONDS:.0f} s")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server holds at a time."""

    seconds: float
    """Since the watch began."""
    mb: float
    descriptors: int


@contextmanager
def watching(server: Running, period: float = 0.5, limit_mb: float = 0.0) -> Iterator[list[Sample]]:
    """Note every `period` seconds what a server holds, at least once, until the block ends.

    One that holds more than `limit_mb` is killed, where there is a limit.
    """
    samples: list[Sample] = []
    over = threading.Event()
    begin = time.monotonic()

    def note() -> None:
        if server.process.poll() is not None:  # by this watch or by itself; what it held last is known
            return
        mb = server.rss()[0]
        samples.append(Sample(time.monotonic() - begin, mb, server.descriptors()))
        if limit_mb and mb > limit_mb:
            server.process.kill()
            server.process.wait()

    def watch() -> None:
        while not over.wait(period):
            note()

    note()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()
        note()
