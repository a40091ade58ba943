"""Docker and compose as commands, for the scripts that run images for real."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
BASE = os.environ.get("BASE", "debian:bookworm-slim")
WHEELS_PORT = 8977
STARTED = time.monotonic()

T = TypeVar("T")


def say(what: str) -> None:
    """Print with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {what}", flush=True)


def run(*command: str, quiet: bool = False, check: bool = True, **options: Any) -> str:
    """Run a command in the root of the repository and return what it printed; its end, if it failed, is shown."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    text = done.stdout.decode(errors="replace")
    if check and done.returncode:
        print(text[-6000:])
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    if not quiet and text:
        print(text[-2000:].rstrip())
    return text.strip()


def docker(*arguments: str, **options: Any) -> str:
    """Run docker and return what it printed."""
    return run("docker", *arguments, quiet=True, **options)


@functools.cache
def compose_command() -> tuple[str, ...]:
    """Return the compose of this machine: v2, a plugin of docker, or else 1.29, a program."""
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ("docker", "compose")
    return ("docker-compose",)


def until(what: str, found: Callable[[], T | None], seconds: float) -> T:
    """Ask until there is an answer, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            if (answer := found()) is not None:
                return answer
        time.sleep(0.5)
    sys.exit(f"{what}: not within {seconds:.0f} s")


def get(url: str, **query: str) -> Any:
    """Return what a URL answers, as JSON."""
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}" if query else url, timeout=30) as answer:
        return json.load(answer)


def post(url: str, image: bytes, content_type: str = "image/jpeg") -> Any:
    """Send an image to be read."""
    request = urllib.request.Request(f"{url}/v1/ocr", image, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def ensure_base() -> None:
    """Have the base image, pulled or, where no registry can be reached, made of the distribution's packages."""
    if docker("images", "--quiet", BASE):
        return
    if subprocess.run(["docker", "pull", "--quiet", BASE], capture_output=True).returncode:
        say(f"{BASE} cannot be pulled; it is made by docker/make-base.sh")
        run("docker/make-base.sh", BASE, quiet=True)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def torch_wheels() -> Iterator[dict[str, str]]:
    """Give the variables of a build that takes torch from a folder of this machine, if TORCH_WHEELS is one."""
    folder = os.environ.get("TORCH_WHEELS", "")
    if not folder or "://" in folder:
        yield {}
        return
    handler = functools.partial(_Quiet, directory=folder)
    # Always the same port: the address is a build argument, and another one would build everything again.
    server = http.server.ThreadingHTTPServer(("127.0.0.1", WHEELS_PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"TORCH_WHEELS": f"http://127.0.0.1:{WHEELS_PORT}/", "BUILD_NETWORK": "host"}
    finally:
        server.shutdown()
        server.server_close()
