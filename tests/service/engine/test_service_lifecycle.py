"""Probes and model state from start to stop."""

from __future__ import annotations

import asyncio
import threading

import pytest
from service_clients import Serve, client_of
from service_fakes import DIGEST, PATIENCE, FakeReader, encoded, parts, until

from ocr_core.errors import BackendUnavailableError
from service.app import create_app
from service.engine.serving import State
from service.settings import Settings

pytestmark = pytest.mark.anyio
IMAGE = encoded()
READY = ("/readyz", "/v2/health/ready")
LIVE = ("/livez", "/v2/health/live")


async def test_while_loading_the_process_lives_and_takes_nothing() -> None:
    begin, reader = threading.Event(), FakeReader()

    def load(_: Settings) -> FakeReader:
        assert begin.wait(PATIENCE)
        return reader

    app = create_app(Settings(model="fake@1"), engine_factory=load)
    async with app.router.lifespan_context(app), client_of(app) as client:
        for path in LIVE:
            assert (await client.get(path)).status_code == 200
        for path in READY:
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        refused = await client.post("/v1/ocr", files=parts(IMAGE))
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert (await client.get("/v1/models")).json()["models"] == [
            {"name": "fake", "version": "1", "digest": None, "state": "loading", "metrics": []}
        ]
        assert (await client.get("/version")).json()["model"] is None
        begin.set()
        assert await app.state.context.serving.settled() is State.READY
        for path in (*READY, *LIVE):
            assert (await client.get(path)).json() == {"status": "ok"}
        assert reader.steps == ["warm_up"]
        assert (await client.post("/v1/ocr", files=parts(IMAGE))).status_code == 200
    assert reader.steps == ["warm_up", "close"]


async def test_a_model_that_cannot_be_loaded_turns_both_probes_red(caplog: pytest.LogCaptureFixture) -> None:
    told = []

    def load(_: Settings) -> FakeReader:
        raise BackendUnavailableError("no CUDA here")

    app = create_app(Settings(), engine_factory=load, on_failure=told.append)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert await app.state.context.serving.settled() is State.FAILED
        for path in (*LIVE, *READY):
            answer = await client.get(path)
            assert answer.status_code == 503
            assert answer.json()["detail"] == "the service could not be started"
        assert (await client.post("/v1/ocr", files=parts(IMAGE))).status_code == 503
        assert (await client.get("/v1/models")).json()["models"][0]["state"] == "failed"
    assert [str(error) for error in told] == ["no CUDA here"]
    assert "no CUDA here" in caplog.text


async def test_a_reader_that_fails_its_warm_up_is_not_served() -> None:
    class Cold(FakeReader):
        def warm_up(self) -> None:
            raise MemoryError

    app = create_app(Settings(), engine_factory=lambda _: Cold())
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert await app.state.context.serving.settled() is State.FAILED
        assert (await client.get("/livez")).status_code == 503


async def test_what_fails_after_the_model_was_loaded_turns_both_probes_red_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    told, reader = [], FakeReader()
    monkeypatch.setattr("service.engine.serving.Workers", no_thread)
    app = create_app(Settings(model="fake"), engine_factory=lambda _: reader, on_failure=told.append)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert await app.state.context.serving.settled() is State.FAILED
        for path in (*LIVE, *READY):
            assert (await client.get(path)).status_code == 503
        await app.state.context.serving.drain()
        assert (await client.get("/livez")).status_code == 503
    assert [str(error) for error in told] == ["can't start new thread"]
    assert reader.steps == ["warm_up", "close"]


async def test_stopping_does_not_wait_for_a_model_that_is_being_loaded() -> None:
    begin, reader = threading.Event(), FakeReader()

    def load(_: Settings) -> FakeReader:
        assert begin.wait(PATIENCE)
        return reader

    app = create_app(Settings(model="fake"), engine_factory=load)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(0)  # lets it begin
    assert app.state.context.serving.state is State.CLOSED
    begin.set()
    await asyncio.to_thread(until, lambda: reader.steps == ["warm_up", "close"])


async def test_stopping_waits_for_an_image_that_hangs_no_longer_than_the_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.engine.serving.JOIN_SECONDS", 0.0)
    reader = FakeReader(held=True)
    app = create_app(Settings(model="fake", shutdown_grace_seconds=0.01), engine_factory=lambda _: reader)
    async with client_of(app) as client:
        async with app.router.lifespan_context(app):
            await app.state.context.serving.settled()
            answer = asyncio.create_task(client.post("/v1/ocr", files=parts(IMAGE)))
            assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        assert not answer.done()
        assert reader.steps == ["warm_up"]
        reader.release()
        assert (await answer).status_code == 200
    await asyncio.to_thread(until, lambda: reader.steps == ["warm_up", "close"])


async def test_stopping_finishes_what_is_being_read() -> None:
    reader = FakeReader(held=True)
    app = create_app(Settings(), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app), client_of(app) as client:
        await app.state.context.serving.settled()
        answer = asyncio.create_task(client.post("/v1/ocr", files=parts(IMAGE)))
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        closing = asyncio.create_task(app.state.context.serving.close())
        await asyncio.sleep(0)
        refused = await client.get("/readyz")
        reader.release()
        await closing
        assert (await answer).status_code == 200
    assert (refused.status_code, refused.json()["detail"]) == (503, "the service is stopping")


async def test_version_and_models_name_what_runs(serve: Serve) -> None:
    async with serve(FakeReader(streams=3)) as client:
        version = (await client.get("/version")).json()
        models = (await client.get("/v1/models")).json()
    assert version["model"] == {"name": "fake", "version": "1", "digest": DIGEST}
    assert version["runtime"] == {"backend": "fake", "provider": "FakeProvider", "streams": 3, "threads": 3}
    assert models["models"] == [
        {
            "name": "fake",
            "version": "1",
            "digest": DIGEST,
            "state": "ready",
            "metrics": [{"dataset": "receipts", "metric": "word_f1", "value": 0.9, "images": 50}],
        }
    ]
