"""What a connection may bring before anything looks at requests; over a real socket, as the limits are those of h11."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest
import uvicorn
from service_fakes import PATIENCE, FakeReader, encoded

from service.app import create_app
from service.http.protocol import Protocol
from service.settings import Settings

pytestmark = pytest.mark.anyio
HEAD = b"POST /v1/ocr HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
IMAGE = encoded()


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    app = create_app(Settings(model="fake"), engine_factory=lambda _: FakeReader())
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=Protocol, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await app.state.context.serving.settled()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await asyncio.wait_for(task, PATIENCE)


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
