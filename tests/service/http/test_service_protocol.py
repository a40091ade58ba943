"""What a connection may bring before anything looks at requests; over a real socket, as the limits are those of h11."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import anyio
import pytest
import uvicorn
from service_fakes import PATIENCE, FakeReader, encoded

from service.app import create_app
from service.http.protocol import Protocol, protocol_within
from service.settings import Settings

pytestmark = pytest.mark.anyio
HEAD = b"POST /v1/ocr HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
IMAGE = encoded()


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


@asynccontextmanager
async def serving(max_connections: int = 100) -> AsyncIterator[uvicorn.Server]:
    app = create_app(Settings(model="fake"), engine_factory=lambda _: FakeReader())
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=protocol_within(max_connections), log_config=None, lifespan="on"
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await app.state.context.serving.settled()
    yield server
    server.should_exit = True
    await asyncio.wait_for(task, PATIENCE)


def port_of(server: uvicorn.Server) -> int:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@asynccontextmanager
async def served(max_connections: int = 100) -> AsyncIterator[int]:
    async with serving(max_connections) as server:
        yield port_of(server)


async def answer_to(port: int, *requests: bytes) -> list[bytes]:
    """Return the status lines of the answers on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = []
    for request in requests:
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        lines.append(head.splitlines()[0])
        if length := [line for line in head.lower().splitlines() if line.startswith(b"content-length")]:
            await reader.readexactly(int(length[0].split()[1]))
    writer.close()
    return lines


async def test_chunks_of_one_byte_are_refused() -> None:
    async with served() as port:
        once = await answer_to(port, CHUNKED + b"1\r\nx\r\n" * 100)
        healthy = await answer_to(port, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert once == [b"HTTP/1.1 400 Bad Request"]
    assert healthy == [b"HTTP/1.1 200 OK"]


async def test_very_many_short_headers_are_refused() -> None:
    async with served() as port:
        assert await answer_to(port, HEAD + b"a: b\r\n" * 1000) == [b"HTTP/1.1 400 Bad Request"]


async def test_honest_bodies_are_read_chunked_or_not_and_connections_are_kept() -> None:
    chunked = CHUNKED + b"".join(chunk(IMAGE[i : i + 256]) for i in range(0, len(IMAGE), 256)) + chunk(b"")
    bitmap = encoded(".bmp", 200, 100)
    bitmap = bitmap[:54] + b"\r\n" * ((len(bitmap) - 54) // 2)
    sized = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(bitmap)
    async with served() as port:
        lines = await answer_to(port, *[chunked] * 3, *[b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"] * 60)
        in_one = await answer_to(port, HEAD + b"Content-Length: %d\r\n\r\n" % len(bitmap) + bitmap)
        in_two = await answer_to(port, sized, bitmap)
    assert set(lines) == {b"HTTP/1.1 200 OK"}
    assert len(lines) == 63
    assert in_one == [b"HTTP/1.1 200 OK"]
    assert in_two == [b"HTTP/1.1 100 Continue", b"HTTP/1.1 200 OK"]


async def connections(server: uvicorn.Server, count: int) -> None:
    """Wait until there are so many."""
    with anyio.fail_after(PATIENCE):
        while len(server.server_state.connections) != count:
            await anyio.lowlevel.checkpoint()


LIVE, MODELS = (b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"/livez", b"/v1/models"))


@pytest.mark.parametrize("sent", [b"", LIVE[:-2]], ids=["nothing", "half a head"])
async def test_who_sends_no_whole_head_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr("service.http.protocol.HEAD_SECONDS", 0.01)
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        writer.close()


async def test_half_a_head_behind_a_request_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http.protocol.HEAD_SECONDS", 0.01)
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LIVE + LIVE[:-2])
        assert (await asyncio.wait_for(reader.read(), PATIENCE)).count(b"HTTP/1.1 200 OK") == 1
        writer.close()


async def test_the_connection_that_was_idle_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http.protocol.SETTLING_SECONDS", -1.0)
    async with serving(max_connections=3) as server:
        port = port_of(server)
        idle = []
        for count in range(3):
            idle.append(await asyncio.open_connection("127.0.0.1", port))
            await connections(server, count + 1)
        assert await answer_to(port, MODELS) == [b"HTTP/1.1 200 OK"]
        assert await asyncio.wait_for(idle[0][0].read(), PATIENCE) == b""
        assert len(server.server_state.connections) >= 2
        for _, writer in idle:
            writer.close()


async def test_a_burst_of_connections_that_say_nothing_keeps_nobody_out() -> None:
    async with serving(max_connections=3) as server:
        idle = [await asyncio.open_connection("127.0.0.1", port_of(server)) for _ in range(20)]
        await connections(server, 20)
        assert await answer_to(port_of(server), MODELS) == [b"HTTP/1.1 200 OK"]
        for _, writer in idle:
            writer.close()


async def test_requests_by_more_connections_than_may_be_are_refused_probes_are_not() -> None:
    async with served(max_connections=1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(IMAGE))
        await asyncio.wait_for(reader.readuntil(b"100 Continue\r\n\r\n"), PATIENCE)
        assert await answer_to(port, MODELS) == [b"HTTP/1.1 429 Too Many Requests"]
        assert await answer_to(port, LIVE) == [b"HTTP/1.1 200 OK"]
        writer.write(IMAGE)
        assert await asyncio.wait_for(reader.readline(), PATIENCE) == b"HTTP/1.1 200 OK\r\n"
        writer.close()
    async with served(max_connections=1) as port:
        assert await answer_to(port, MODELS, LIVE, MODELS) == [b"HTTP/1.1 200 OK"] * 3


async def test_who_does_not_read_the_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http.protocol.UNREAD_SECONDS", 0.01)
    async with serving() as server:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", port_of(server)))
        deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: %s\r\n\r\n" % (b"x" * 200) * 500)
        await connections(server, 1)
        await connections(server, 0)
        deaf.close()


async def test_who_does_not_read_the_end_of_an_answer_keeps_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little is left of it to pause for."""
    monkeypatch.setattr("service.http.protocol.UNREAD_SECONDS", 0.01)
    whole = Protocol.connection_made

    def narrow(self: Protocol, transport: asyncio.WriteTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport.set_write_buffer_limits(1 << 20)
        whole(self, transport)

    monkeypatch.setattr(Protocol, "connection_made", narrow)
    async with serving() as server:
        for end in (b"Connection: close\r\n", b""):
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect(("127.0.0.1", port_of(server)))
                deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n%s\r\n" % end)
                await connections(server, 1)
                await connections(server, 0)
