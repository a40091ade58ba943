"""URLs that clients name: whom a service calls, and what it fetches, for them."""

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
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from job_clients import ServeJobs, ended, submit
from service_fakes import PATIENCE, encoded

from service.jobs import callbacks, urls
from service.jobs.urls import is_below
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


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/ocr",
        "https://hooks.example/ocr/1?x=1",
        "https://HOOKS.example/ocr/1",
    ],
)
def test_what_lies_below_a_prefix(url: str) -> None:
    assert is_below(url, ["https://other.example", "https://hooks.example/ocr/"])


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/ocr/1",
        "https://hooks.example:8443/ocr/1",
        "https://hooks.example/ocrx",
        "https://hooks.example/",
        "https://hooks.example/ocr/../admin",
        "https://hooks.example/ocr/%2e%2e/admin",
        "https://hooks.example/ocr/%2E./admin",
        "https://hooks.example/ocr/..%2fadmin",
        "https://hooks.example/ocr/..;/admin",
        "https://hooks.example/ocr/..;x=1/admin",
        "https://hooks.example/ocr/%252e%252e/admin",
        "https://hooks.example@evil.example/ocr/1",
        "https://evil.example@hooks.example/ocr/1",
        "https://hooks.example\\@evil.example/ocr/1",
        "https://hooks.example.evil.example/ocr/1",
        "https://hooks.example/ocr/1\r\nHost: evil.example",
        "https://hooks.example/ocr/1 2",
        "https://hooks.exаmple/ocr/1",
        "https://hooks.example:x/ocr/1",
        "https://[::1/ocr/1",
        "//hooks.example/ocr/1",
        "hooks.example/ocr/1",
        "simplecache::https://hooks.example/ocr/1",
        "",
    ],
)
def test_what_does_not(url: str) -> None:
    assert not is_below(url, ["https://hooks.example/ocr"])
    assert not is_below(url, [])


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


async def test_a_file_is_fetched_from_where_it_lies(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deeper").mkdir(parents=True)
    (source / "deeper" / "scan.png").write_bytes(encoded(width=51))
    async with serve_jobs(jobs_sources=str(source)) as client:
        answer = await client.post("/v1/jobs", json={"url": f"{source}/deeper/scan.png", "words": True})
        status = await ended(client, answer.json()["id"])
        assert (status["state"], status["files"]) == ("succeeded", ["scan.png"])


@pytest.mark.parametrize(
    "name", ["../secret.png", "link.png", "linked/secret.png", "none.png", "", "*.png", "deeper", "%2e%2e/secret.png"]
)
async def test_nothing_is_fetched_from_elsewhere(serve_jobs: ServeJobs, tmp_path: Path, name: str) -> None:
    source = tmp_path / "in"
    (source / "deeper").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(encoded())
    (source / "link.png").symlink_to(tmp_path / "secret.png")
    (source / "linked").symlink_to(tmp_path)
    async with serve_jobs(jobs_sources=str(source)) as client:
        for url in (f"{source}/{name}", f"file://{source}/{name}"):
            answer = await client.post("/v1/jobs", json={"url": url})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
            assert str(tmp_path) not in answer.text
        assert (await client.get("/v1/jobs")).json()["jobs"] == []


async def test_files_that_are_named_take_memory_before_they_are_read(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(encoded() + bytes(6_000))
    reads: list[str] = []
    gate = threading.Event()

    class Held(LocalFileSystem):
        def _open(self, path: str, *args: Any, **kwargs: Any) -> Any:
            reads.append(path)
            assert gate.wait(PATIENCE)
            return super()._open(path, *args, **kwargs)

    # Bodies count twice: three of these files do not fit, two do.
    settings = {"payload_limit": 10_000, "max_pixels": 2_000, "max_memory": 36_000}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(urls, "url_to_fs", lambda url: (Held(), url))
        async with serve_jobs(jobs_sources=str(tmp_path), **settings) as client:
            post = partial(client.post, "/v1/jobs", json={"url": f"{tmp_path}/scan.png"})
            asking = [asyncio.ensure_future(post()) for _ in range(2)]
            await _until(lambda: len(reads) == 2)
            refused = await post()
            assert (refused.status_code, refused.json()["code"]) == (429, "memory_exhausted")
            assert len(reads) == 2
            gate.set()
            assert {answer.status_code for answer in await asyncio.gather(*asking)} == {202}


async def test_a_file_is_sent_or_named_and_no_larger_than_may_be(serve_jobs: ServeJobs, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(8192))
    image = base64.b64encode(encoded()).decode()
    async with serve_jobs(jobs_sources=str(tmp_path), payload_limit=4096) as client:
        for body, status in (
            ({}, 422),
            ({"url": f"{tmp_path}/large.png", "image": image}, 422),
            ({"url": f"{tmp_path}/large.png"}, 413),
            ({"image": "nonsense!"}, 422),
            ({"image": image}, 202),
        ):
            assert (await client.post("/v1/jobs", json=body)).status_code == status
    async with serve_jobs() as client:  # off unless the operator names a place
        assert (await client.post("/v1/jobs", json={"url": f"{tmp_path}/large.png"})).status_code == 422


async def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
