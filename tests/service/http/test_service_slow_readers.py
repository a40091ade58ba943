"""Large answers over real sockets with the buffers that systems give: who takes some of them now and then gets all."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import numpy as np
import pytest
import uvicorn
from service_clients import Leap
from service_fakes import PATIENCE, QUAD, FakeReader, encoded

from ocr_core.pipeline.result import Line, Page, ReadOptions
from service.app import create_app
from service.engine.admission import Admission
from service.http.answers import STALLED_SECONDS
from service.http.protocol import UNREAD_SECONDS, Protocol, protocol_within
from service.settings import Settings

pytestmark = pytest.mark.anyio

IMAGE = encoded()
HEAD = b"POST /v1/ocr HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
LONG = Line(text="x" * 500_000, confidence=0.9, quad=QUAD)
SIZE = 40 * len(LONG.text)
"""Bytes of an answer, about: more than systems keep on both sides."""


def much(pixels: np.ndarray, options: ReadOptions) -> Page:
    height, width = pixels.shape[:2]
    return Page(width=width, height=height, rotation=0, lines=(LONG,) * 40, seconds={})


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> dict[str, asyncio.Event]:
    """Events that are set when writing to a client pauses and when it goes on."""
    events = {name: asyncio.Event() for name in ("pause_writing", "resume_writing")}
    for name, event in events.items():
        whole = getattr(Protocol, name)

        def noted(self: Protocol, whole: object = whole, event: asyncio.Event = event) -> None:
            whole(self)  # type: ignore[operator]
            event.set()

        monkeypatch.setattr(Protocol, name, noted)
    return events


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[uvicorn.Server, Admission, socket.socket]]:
    """Give a server, what is inside, and a client that has asked for a large answer and has taken nothing of it."""
    app = create_app(Settings(model="fake", model_poll_seconds=0), engine_factory=lambda _: FakeReader(much))
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=protocol_within(9), log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0)
    serving = app.state.context.serving
    await serving.settled()
    try:
        with socket.create_connection(server.servers[0].sockets[0].getsockname()) as client:
            client.sendall(HEAD % len(IMAGE) + IMAGE)
            client.setblocking(False)
            yield server, serving.admission, client
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, PATIENCE)


async def taken(client: socket.socket, resumed: asyncio.Event, leap: Leap, seconds: float) -> tuple[int, float]:
    """Take an answer, and let `seconds` pass each time that the server has seen it.

    Returns: its bytes, and the seconds that have passed.
    """
    count, passed = 0, 0.0
    while data := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1 << 16), PATIENCE + passed):
        count += len(data)
        if resumed.is_set():
            resumed.clear()
            leap(seconds)
            passed += seconds
        await asyncio.sleep(0)
    return count, passed


async def test_who_reads_slowly_gets_all_of_it(leap: Leap, moves: dict[str, asyncio.Event]) -> None:
    async with asked() as (_, _, client):
        await asyncio.wait_for(moves["pause_writing"].wait(), PATIENCE)
        count, passed = await taken(client, moves["resume_writing"], leap, 0.6 * UNREAD_SECONDS)
    assert count > SIZE
    assert passed > 3 * UNREAD_SECONDS


async def test_who_takes_nothing_is_hung_up_on_and_keeps_no_place_meanwhile(
    leap: Leap, moves: dict[str, asyncio.Event], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "service.request")
    async with asked() as (server, admission, _):
        await asyncio.wait_for(moves["pause_writing"].wait(), PATIENCE)
        await asyncio.wait_for(admission.empty(), PATIENCE)
        assert server.server_state.connections
        leap(UNREAD_SECONDS)
        while server.server_state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0)
    (record,) = [each for each in caplog.records if each.name == "service.request"]
    assert (record.status, record.code) == (499, "client_gone")


async def test_where_the_memory_for_answers_is_full_all_of_it_has_to_be_taken_at_once(
    leap: Leap, moves: dict[str, asyncio.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.engine.admission.ANSWERS", 10**9)
    async with asked() as (_, _, client):
        await asyncio.wait_for(moves["pause_writing"].wait(), PATIENCE)
        count, _ = await taken(client, moves["resume_writing"], leap, 0.6 * STALLED_SECONDS)
    assert 0 < count < SIZE


def test_an_answer_that_was_sent_leaves_its_memory_to_others() -> None:
    bounds = {"max_requests": 1, "max_images": 1, "max_body": 1, "max_documents": 1, "backlog": lambda: 0.0}
    admission = Admission(max_bytes=8 * 100, **bounds)  # type: ignore[arg-type]
    for _ in range(2):
        with admission.answer(60) as first, admission.answer(60) as second, admission.answer(40) as third:
            assert (first, second, third) == (True, False, True)
