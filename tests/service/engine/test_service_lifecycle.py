"""Probes and model state from start to stop."""

from __future__ import annotations

import asyncio
import threading

import pytest
from service_clients import Serve, client_of
from service_fakes import DIGEST, PATIENCE, FakeReader, encoded, parts

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
            assert answer.json()["detail"] == "the model could not be loaded"
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
