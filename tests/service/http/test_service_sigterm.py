"""The real server in a process of its own: what it says, and told to stop while it reads, loads or hangs."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from service_fakes import PATIENCE, encoded, parts, until

SCRIPT = """
import functools, sys, threading
import service.app, service.engine.serving
from service_fakes import FakeReader, two_lines

mood, port = sys.argv[1:]
never, released = threading.Event(), threading.Event()

def page(pixels, options):
    (never if mood == "hangs" else released).wait()
    return two_lines(pixels, options)

def load(settings):
    if mood == "loads":
        released.wait()
    return FakeReader(page)

def no_thread(*args):
    raise RuntimeError("can't start new thread")

def release_at_a_word():
    sys.stdin.readline()
    released.set()

threading.Thread(target=release_at_a_word, daemon=True).start()
service.app.create_app = functools.partial(service.app.create_app, engine_factory=load)
if mood == "breaks":
    service.engine.serving.Workers = no_thread
from service.cli import main
sys.argv = ["ocr", "serve", "--host", "127.0.0.1", "--port", port, "--model", "fake"]
main()
"""

Start = Callable[..., subprocess.Popen]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(port: int) -> Iterator[Start]:
    """Start one that `reads` or `loads` until it is told to go on, `hangs` as it reads, or `breaks` after loading."""
    processes = []

    def run(mood: str, stderr: int | None = None, **settings: object) -> subprocess.Popen:
        paths = {"PYTHONPATH": f"{Path(__file__).parents[3]}:{Path(__file__).parents[1]}", "OCR_LOG_LEVEL": "warning"}
        arguments = [sys.executable, "-c", SCRIPT, mood, str(port)]
        environment = {**paths, **{f"OCR_{name.upper()}": str(value) for name, value in settings.items()}}
        processes.append(subprocess.Popen(arguments, env=environment, stdin=subprocess.PIPE, stderr=stderr, text=True))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
        if process.stderr is not None:
            process.stderr.close()


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None


def read(url: str) -> int | None:
    try:
        return httpx.post(f"{url}/v1/ocr", files=parts(encoded()), timeout=3 * PATIENCE).status_code
    except httpx.TransportError:
        return None


def inside(url: str, count: int) -> bool:
    """Tell whether `count` requests are being served."""
    text = httpx.get(f"{url}/metrics").text
    return re.search(rf"^ocr_requests_in_progress {count}\.0$", text, re.MULTILINE) is not None


@pytest.mark.parametrize("form", ["json", "console"])
def test_the_log_says_where_it_listens_and_when_it_is_ready(start: Start, url: str, form: str) -> None:
    server = start("loads", subprocess.PIPE, log_level="info", log_format=form)
    first = server.stderr.readline()
    assert "listening" in first
    assert url in first
    server.stdin.write("go\n")
    server.stdin.flush()
    loaded, ready = server.stderr.readline(), server.stderr.readline()
    assert "model loaded" in loaded
    assert status(f"{url}/readyz") == 200
    if form == "json":
        told = json.loads(ready)
        assert (told["message"], told["model"], told["streams"], told["url"]) == ("ready", "fake@1", 1, url)
    else:
        assert ready.endswith(f"ready model=fake@1 streams=1 url={url}\n")


def test_sigterm_under_load_loses_no_accepted_request(start: Start, url: str) -> None:
    server = start("reads")
    until(lambda: status(f"{url}/readyz") == 200)
    with ThreadPoolExecutor(8) as pool:
        accepted = [pool.submit(read, url) for _ in range(8)]
        until(lambda: inside(url, 8))
        server.send_signal(signal.SIGTERM)
        until(lambda: status(f"{url}/readyz") == 503)
        assert status(f"{url}/livez") == 200
        assert read(url) == 503
        server.stdin.write("go\n")
        server.stdin.flush()
        assert [answer.result() for answer in accepted] == [200] * 8
    assert server.wait(PATIENCE) == 0
    assert status(f"{url}/livez") is None


def test_sigterm_while_loading_does_not_wait_for_the_model(start: Start, url: str) -> None:
    server = start("loads")
    until(lambda: status(f"{url}/livez") == 200)
    assert status(f"{url}/readyz") == 503
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE) == 0


def test_what_hangs_is_waited_for_no_longer_than_the_grace(start: Start, url: str) -> None:
    server = start("hangs", shutdown_grace_seconds=0.1)
    until(lambda: status(f"{url}/readyz") == 200)
    with ThreadPoolExecutor(1) as pool:
        hung = pool.submit(read, url)
        until(lambda: inside(url, 1))
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0
        assert hung.result() != 200


def test_a_start_that_fails_after_the_model_was_loaded_ends_the_process(start: Start) -> None:
    assert start("breaks").wait(PATIENCE) == 1
