"""Whom a service calls for its clients, and how."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from job_clients import ServeJobs, ended, submit
from service_fakes import PATIENCE

from service.jobs import callbacks
from service.settings import Settings

pytestmark = pytest.mark.anyio
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()


class Listener:
    """A client's server, which answers calls with these statuses in turn, and then with 204."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                self.send_header("Location", f"{outer.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "PERIOD", 0.02)
    monkeypatch.setattr(callbacks, "FIRST_RETRY", 0.02)


async def test_a_client_is_called_with_a_signature_until_it_answers(serve_jobs: ServeJobs, listener: Listener) -> None:
    listener.statuses = [500, 302, 404]
    settings = {"jobs_callbacks": f"{listener.url}/hooks", "jobs_callback_secret": SECRET}
    async with serve_jobs(**settings) as client:
        job = await submit(client, callback_url=f"{listener.url}/hooks/ocr?from=us")
        await ended(client, job)
        await _until(lambda: len(listener.calls) == 4)
        metrics = (await client.get("/metrics")).text
    assert {path for path, _, _ in listener.calls} == {"/hooks/ocr?from=us"}
    _, headers, body = listener.calls[-1]
    signed = f"{job}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.new(b"s" * 24, signed, hashlib.sha256).digest()).decode()
    assert (headers["webhook-id"], headers["webhook-signature"]) == (job, f"v1,{signature}")
    assert json.loads(body) == {
        "type": "job.ended",
        "data": {"id": job, "state": "succeeded", "pages_total": 6, "pages_done": 6, "pages_failed": 0},
    }
    assert 'ocr_job_callbacks_total{result="retried"} 3.0' in metrics


async def test_a_client_that_never_answers_is_given_up(
    serve_jobs: ServeJobs, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "TRIES", 2)
    listener.server.server_close()
    settings = {"jobs_callbacks": listener.url, "jobs_callback_secret": SECRET}
    async with serve_jobs(**settings) as client:
        job = await submit(client, callback_url=f"{listener.url}/hooks")
        await ended(client, job)
        given_up = 'ocr_job_callbacks_total{result="given_up"} 1.0'
        end = time.monotonic() + PATIENCE
        while given_up not in (await client.get("/metrics")).text:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)


async def test_a_client_that_answers_without_end_is_given_up_and_keeps_nobody_waiting(
    serve_jobs: ServeJobs, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "TRIES", 1)
    monkeypatch.setattr(callbacks, "TIMEOUT", 1.0)
    monkeypatch.setattr(callbacks, "AT_A_TIME", 2)
    ended_by_us = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.01)
        ended_by_us.set()

    with socket.create_server(("127.0.0.1", 0)) as endless:
        threading.Thread(target=lambda: drip(endless.accept()[0]), daemon=True).start()
        slow = f"http://127.0.0.1:{endless.getsockname()[1]}"
        settings = {"jobs_callbacks": f"{slow},{listener.url}", "jobs_callback_secret": SECRET}
        async with serve_jobs(**settings) as client:
            await ended(client, await submit(client, callback_url=slow))
            await ended(client, await submit(client, callback_url=listener.url))
            await _until(lambda: listener.calls)
            assert not ended_by_us.is_set()
            await _until(ended_by_us.is_set)


async def test_a_client_that_is_reached_too_late_is_not_waited_for(
    serve_jobs: ServeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the first of its addresses does not answer: nobody was left to cut what came without an end."""
    monkeypatch.setattr(callbacks, "TRIES", 1)
    monkeypatch.setattr(callbacks, "TIMEOUT", 0.2)
    over, left = threading.Event(), threading.Event()
    connect = HTTPConnection.connect

    def connect_late(connection: HTTPConnection) -> None:
        time.sleep(0.4)
        connect(connection)

    def drip(connection: socket.socket) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not over.wait(0.01):
                connection.sendall(b"x")
        except OSError:
            left.set()
        connection.close()

    monkeypatch.setattr(HTTPConnection, "connect", connect_late)
    with socket.create_server(("127.0.0.1", 0)) as endless:
        threading.Thread(target=lambda: drip(endless.accept()[0]), daemon=True).start()
        slow = f"http://127.0.0.1:{endless.getsockname()[1]}"
        try:
            async with serve_jobs(jobs_callbacks=slow, jobs_callback_secret=SECRET) as client:
                await ended(client, await submit(client, callback_url=slow))
                await _until(left.is_set)
        finally:
            over.set()


async def test_nobody_is_called_who_was_not_allowed(serve_jobs: ServeJobs, listener: Listener) -> None:
    async with serve_jobs() as client:
        assert await submit(client, status=422, callback_url=f"{listener.url}/hooks") == "invalid_request"
    settings = {"jobs_callbacks": "https://hooks.example", "jobs_callback_secret": SECRET}
    async with serve_jobs(**settings) as client:
        assert await submit(client, status=422, callback_url=f"{listener.url}/hooks") == "invalid_request"
    assert listener.calls == []


@pytest.mark.parametrize(
    "settings",
    [
        {"jobs_callbacks": "https://hooks.example"},
        {"jobs_callbacks": "ftp://hooks.example", "jobs_callback_secret": "x"},
        {"jobs_sources": "https://files.example/"},
    ],
)
def test_settings_that_would_be_unsafe_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="OCR_JOBS_"):
        Settings(**settings)


async def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
