"""Probes tell the truth: an engine that hangs, raises or dies, and a service under load or told to stop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from service_clients import client_of
from service_fakes import PATIENCE, FakeReader, always_a, bundle, dark, encoded, page_of_text, parts, until

from ocr_core.backends.base import Policy, Tensor
from ocr_core.backends.fake import FakeBackend
from ocr_core.errors import BackendError
from ocr_core.pages.images import Image, decode
from ocr_core.pipeline.engine import Engine
from service.app import create_app
from service.engine.serving import Serving, State
from service.settings import Settings

pytestmark = pytest.mark.anyio
URL = "/v1/ocr"


class Recognizer:
    """A network that does what `mood` says once it is set."""

    def __init__(self) -> None:
        self.mood = always_a
        self.begun = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, batch: Tensor) -> Tensor:
        return self.mood(batch)

    def hang(self, batch: Tensor) -> Tensor:
        self.begun.release()
        assert self.opened.wait(PATIENCE)
        return always_a(batch)

    def fail(self, _: Tensor) -> Tensor:
        raise BackendError("out of memory")

    def die(self, _: Tensor) -> Tensor:
        raise SystemExit


PAGE = page_of_text()


@asynccontextmanager
async def serving_with(recognizer: Recognizer, streams: int = 1) -> AsyncIterator[tuple[Serving, httpx.AsyncClient]]:
    policy = Policy(streams=streams, threads=1, max_batch=1)
    engine = Engine(bundle(), FakeBackend({"detector": dark, "recognizer": recognizer}, policy))
    app = create_app(Settings(model="fake", threads=1), engine_factory=lambda _: engine)
    async with app.router.lifespan_context(app), client_of(app) as client:
        serving = app.state.context.serving
        assert await serving.settled() is State.READY
        try:
            yield serving, client
        finally:
            recognizer.opened.set()


async def probe(client: httpx.AsyncClient) -> tuple[int, int]:
    return (await client.get("/livez")).status_code, (await client.get("/readyz")).status_code


async def read(client: httpx.AsyncClient, milliseconds: int = 10_000) -> httpx.Response:
    return await client.post(URL, headers={"x-request-timeout-ms": str(milliseconds)}, files=parts(PAGE))


async def test_an_engine_that_hangs_turns_the_probes_red_and_what_waits_gets_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recognizer = Recognizer()
    async with serving_with(recognizer) as (serving, client):
        assert (await read(client)).status_code == 200
        recognizer.mood = recognizer.hang
        hung = asyncio.create_task(read(client, 300))
        assert await asyncio.to_thread(recognizer.begun.acquire, timeout=PATIENCE)
        assert await probe(client) == (200, 200)
        late = await read(client, 100)
        assert (late.status_code, (await hung).status_code) == (504, 504)
        monkeypatch.setattr("service.engine.health.STUCK", 0.0)
        assert await probe(client) == (503, 503)
        red = await client.get("/livez")
        assert red.json()["code"] == "unhealthy"
        assert "running for more than" in red.json()["detail"]
        recognizer.opened.set()
        await asyncio.to_thread(until, lambda: not serving.scheduler.stuck_seconds())
        assert await probe(client) == (200, 200)
        assert (await read(client)).status_code == 200


async def test_an_image_that_is_decoded_without_end_turns_the_probes_red(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, opened = threading.Event(), threading.Event()

    def without_end(data: bytes, **_: object) -> Image:
        begun.set()
        assert opened.wait(PATIENCE)
        return decode(data)

    async with serving_with(Recognizer()) as (serving, client):
        monkeypatch.setattr("service.engine.image_job.images.decode", without_end)
        hung = asyncio.create_task(read(client, 2000))
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        assert (await hung).status_code == 504
        assert await probe(client) == (200, 200)
        monkeypatch.setattr("service.engine.health.STUCK", 0.0)
        assert await probe(client) == (503, 503)
        assert "after its deadline" in (await client.get("/livez")).json()["detail"]
        opened.set()
        await asyncio.to_thread(until, lambda: not serving.workers.overdue_seconds())
        assert await probe(client) == (200, 200)


async def test_a_decoder_gives_back_its_slot_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Semaphore(0)

    def reads_for_ever(data: bytes, *, max_pixels: int, check: Callable[[], None]) -> Image:
        if data == PAGE:
            return decode(data, max_pixels=max_pixels, check=check)
        begun.release()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            check()
        raise AssertionError("nobody ended it")

    async with serving_with(Recognizer()) as (serving, client):
        monkeypatch.setattr("service.engine.image_job.images.decode", reads_for_ever)
        timeout = {"x-request-timeout-ms": "2000"}
        late = [asyncio.create_task(client.post(URL, headers=timeout, files=parts(encoded()))) for _ in range(3)]
        assert await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
        assert {(await answer).status_code for answer in late} == {504}
        assert (await read(client)).status_code == 200
        await asyncio.to_thread(until, lambda: not serving.admission.images)


async def test_a_thread_that_dies_turns_the_probes_red_at_once(caplog: pytest.LogCaptureFixture) -> None:
    recognizer = Recognizer()
    async with serving_with(recognizer) as (serving, client):
        recognizer.mood = recognizer.die
        assert (await read(client)).status_code == 500
        await asyncio.to_thread(until, serving.scheduler.dead_streams)
        assert await probe(client) == (503, 503)
        assert "died" in (await client.get("/livez")).json()["detail"]
        assert (await read(client, 50)).status_code == 504
    assert "stream-0 has died" in caplog.text


async def test_the_other_streams_serve_on_when_one_has_died() -> None:
    recognizer = Recognizer()
    async with serving_with(recognizer, streams=2) as (serving, client):
        recognizer.mood = recognizer.die
        assert (await read(client)).status_code == 500
        await asyncio.to_thread(until, serving.scheduler.dead_streams)
        recognizer.mood = always_a
        assert (await read(client)).status_code == 200
        assert await probe(client) == (503, 503)


async def test_the_canary_tells_in_idle_times_that_the_engine_fails_and_that_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.engine.health.IDLE", 0.0)
    recognizer = Recognizer()
    async with serving_with(recognizer) as (serving, client):
        health = serving._watchdog
        await health.check()
        assert await probe(client) == (200, 200)
        recognizer.mood = recognizer.fail
        await health.check()
        assert await probe(client) == (503, 503)
        assert "canary" in (await client.get("/livez")).json()["detail"]
        recognizer.mood = always_a
        await health.check()
        assert await probe(client) == (200, 200)


async def test_the_canary_does_not_wait_for_ever_for_a_hung_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.health.IDLE", 0.0)
    recognizer = Recognizer()
    async with serving_with(recognizer) as (serving, client):
        recognizer.mood = recognizer.hang
        monkeypatch.setattr("service.engine.health.STUCK", 0.1)
        await serving._watchdog.check()
        monkeypatch.setattr("service.engine.health.STUCK", 1000.0)
        assert "canary" in (await client.get("/livez")).json()["detail"]


async def test_no_canary_is_sent_while_requests_prove_that_the_engine_works() -> None:
    recognizer = Recognizer()
    async with serving_with(recognizer) as (serving, client):
        assert (await read(client)).status_code == 200
        recognizer.mood = recognizer.fail
        await serving._watchdog.check()
        assert await probe(client) == (200, 200)


async def test_mere_load_leaves_the_probes_green() -> None:
    reader = FakeReader(held=True)
    app = create_app(Settings(model="fake", threads=1, max_concurrent_requests=4), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app), client_of(app) as client:
        await app.state.context.serving.settled()
        inside = [asyncio.create_task(read(client)) for _ in range(4)]
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        while (await read(client)).status_code != 429:
            pass
        assert await probe(client) == (200, 200)
        reader.release()
        assert {answer.status_code for answer in await asyncio.gather(*inside)} == {200}


async def test_draining_finishes_what_is_inside_and_lets_in_no_more() -> None:
    reader = FakeReader(held=True)
    app = create_app(Settings(model="fake", threads=1), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app), client_of(app) as client:
        serving = app.state.context.serving
        await serving.settled()
        inside = asyncio.create_task(client.post(URL, files=parts(encoded())))
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        draining = asyncio.create_task(serving.drain())
        await asyncio.sleep(0)  # lets it begin
        assert await probe(client) == (200, 503)
        refused = await client.post(URL, files=parts(encoded()))
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert refused.headers["connection"] == "close"
        assert not draining.done()
        reader.release()
        await draining
        assert (await inside).status_code == 200


async def test_what_does_not_end_in_the_time_of_grace_is_given_up() -> None:
    recognizer = Recognizer()
    policy = Policy(streams=1, threads=1, max_batch=1)
    engine = Engine(bundle(), FakeBackend({"detector": dark, "recognizer": recognizer}, policy))
    settings = Settings(model="fake", threads=1, shutdown_grace_seconds=0.05)
    app = create_app(settings, engine_factory=lambda _: engine)
    async with client_of(app) as client:
        async with app.router.lifespan_context(app):
            await app.state.context.serving.settled()
            recognizer.mood = recognizer.hang
            inside = asyncio.create_task(read(client))
            assert await asyncio.to_thread(recognizer.begun.acquire, timeout=PATIENCE)
        assert (await inside).status_code == 503
    recognizer.opened.set()
