"""Whose request it is that came through a proxy: limits of callers, seen by jobs of whom one alone is taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from pydantic import ValidationError
from service_fakes import FakeReader, encoded, parts
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.app import create_app
from service.cli.serve import serve
from service.engine.serving import State
from service.http.server import DrainingServer
from service.settings import Settings, load_settings

pytestmark = pytest.mark.anyio

PROXY = "10.0.0.7"
NEAR, FAR = "192.0.2.1", "198.51.100.2"


async def statuses(folder: Path, peer: str, forwarded: Sequence[str | tuple[str, ...]], proxies: str) -> list[int]:
    """Send a job with each `X-Forwarded-For` to a service that takes one a caller, and return what it answers."""
    settings = Settings(model="fake", jobs_folder=folder, jobs_concurrent=0, jobs_max_inside=1, trusted_proxies=proxies)
    app = create_app(settings, engine_factory=lambda _: FakeReader())
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://ocr") as client,
    ):
        assert await app.state.context.serving.settled() is State.READY
        answers = []
        for value in forwarded:
            headers = [("X-Forwarded-For", one) for one in ((value,) if isinstance(value, str) else value)]
            answers.append(await client.post("/v1/jobs", headers=headers, files=parts(encoded())))
        return [answer.status_code for answer in answers]


@pytest.mark.parametrize("proxies", ["", "10.0.0.8"])
@pytest.mark.parametrize("peer", ["127.0.0.1", PROXY])
async def test_nobody_is_believed_who_is_not_named(tmp_path: Path, peer: str, proxies: str) -> None:
    assert await statuses(tmp_path, peer, [NEAR, FAR], proxies) == [202, 429]


async def test_callers_behind_a_proxy_are_told_apart(tmp_path: Path) -> None:
    sent = [NEAR, FAR, f"{NEAR}:4711", f" {FAR} ", "2001:db8::1", "[2001:db8::2]:80"]
    assert await statuses(tmp_path, PROXY, sent, "10.0.0.0/24") == [202, 202, 429, 429, 202, 429]


@pytest.mark.parametrize(
    "claim",
    [f"203.0.113.9, {NEAR}", f"{FAR},{NEAR}, 10.0.0.8", (FAR, NEAR), f"10.0.0.9, {NEAR}", f"unknown, {NEAR}"],
)
async def test_what_a_caller_puts_before_its_address_is_not_believed(
    tmp_path: Path, claim: str | tuple[str, ...]
) -> None:
    assert await statuses(tmp_path, PROXY, [NEAR, claim], "10.0.0.0/24") == [202, 429]


@pytest.mark.parametrize("value", ["*", "10.0.0.1/8", "ingress", "0.0.0.0/0", "10.0.0.1,::/0"])
def test_proxies_are_addresses_and_not_everybody(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_TRUSTED_PROXIES", value)
    with pytest.raises(ValidationError, match="trusted_proxies"):
        load_settings()


async def test_serve_hands_on_who_is_connected_and_not_who_that_claims_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn by itself believes whoever asks from this machine, such as a forwarded port."""
    servers: list[DrainingServer] = []

    def run(server: DrainingServer) -> None:
        server.started = True
        servers.append(server)

    async def peer(request: Request) -> Response:
        return PlainTextResponse(request.client.host if request.client else "")

    app = Starlette(routes=[Route("/", peer)])
    app.state.context = SimpleNamespace(serving=SimpleNamespace(drain=None))
    monkeypatch.setattr("service.app.create_app", lambda *_, **__: app)
    monkeypatch.setattr("service.observe.logs.configure_logging", lambda *_: None)
    monkeypatch.setattr(DrainingServer, "run", run)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    serve(host="127.0.0.1", port=0)
    servers[0].config.load()
    transport = httpx.ASGITransport(servers[0].config.loaded_app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://ocr") as client:
        answer = await client.get("/", headers={"X-Forwarded-For": NEAR})
    assert answer.text == "127.0.0.1"
