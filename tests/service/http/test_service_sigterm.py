"""The real server in a process of its own, told to stop while it reads."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from service_fakes import PATIENCE, encoded, parts, until

SCRIPT = """
import functools, sys, threading
import service.app
from service_fakes import FakeReader, two_lines

released = threading.Event()

def page(pixels, options):
    assert released.wait(60)
    return two_lines(pixels, options)

def release_at_a_word():
    sys.stdin.readline()
    released.set()

threading.Thread(target=release_at_a_word, daemon=True).start()
service.app.create_app = functools.partial(service.app.create_app, engine_factory=lambda _: FakeReader(page))
from service.cli import app
app(["serve", "--host", "127.0.0.1", "--port", sys.argv[1], "--model", "fake"])
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(port: int) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(port)],
        env={"PYTHONPATH": f"{Path(__file__).parents[3]}:{Path(__file__).parents[1]}", "OCR_LOG_LEVEL": "warning"},
        stdin=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def test_sigterm_under_load_loses_no_accepted_request(server: subprocess.Popen, port: int) -> None:
    url = f"http://127.0.0.1:{port}"

    def status(path: str) -> int | None:
        try:
            return httpx.get(f"{url}{path}").status_code
        except httpx.TransportError:
            return None

    def read() -> int:
        return httpx.post(f"{url}/v1/ocr", files=parts(encoded()), timeout=3 * PATIENCE).status_code

    def under_way() -> bool:
        text = httpx.get(f"{url}/metrics").text
        return re.search(r"^ocr_requests_in_progress 8\.0$", text, re.MULTILINE) is not None

    until(lambda: status("/readyz") == 200)
    with ThreadPoolExecutor(8) as pool:
        accepted = [pool.submit(read) for _ in range(8)]
        until(under_way)
        server.send_signal(signal.SIGTERM)
        until(lambda: status("/readyz") == 503)
        assert status("/livez") == 200
        assert read() == 503
        server.stdin.write("go\n")
        server.stdin.flush()
        assert [answer.result() for answer in accepted] == [200] * 8
    assert server.wait(PATIENCE) == 0
    assert status("/livez") is None
