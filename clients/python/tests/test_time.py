"""The time of a call: kept while it sends slowly, while an answer comes slowly, and while nothing comes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from prepared import ANSWER, PAGE, Service, async_client_of, client_of, lines, problem

from ocr_client import AsyncClient, Client, DeadlineExceededError, OcrError, Retries

ONCE = Retries(times=0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9999\r\n\r\n"


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer every connection by `answer`, and then close it."""

    def run(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            try:
                connection.recv(65536)
                answer(connection)
            except OSError:
                pass  # the client is gone, which is what it is to do

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=run, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_no_piece_is_sent_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ocr_client.retries.time.monotonic", lambda: now[0])

    class Slow(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.SyncByteStream)
            for piece in request.stream:
                now[0] += len(piece) / 65536
            return httpx.Response(200, json=ANSWER)

    client = Client("http://service", http=httpx.Client(transport=Slow()), timeout=10, retries=ONCE)
    with pytest.raises(DeadlineExceededError):
        client.read(b"f" * 3_000_000)
    assert now[0] < 20
    now[0] = 0
    assert client.read(b"f" * 300_000).text == "Total"


def until_it_leaves(connection: socket.socket) -> None:
    """Say nothing until the client is gone; the rest of its request may still come."""
    while connection.recv(65536):
        pass


def silent_within(connection: socket.socket) -> None:
    """Begin an answer late, and say no more."""
    time.sleep(0.8)
    connection.sendall(HEAD)
    time.sleep(0.8)  # then it closes: a client that waits for so long sees that


def test_an_answer_may_take_what_its_head_has_left() -> None:
    with (
        serving(silent_within) as url,
        Client(url, retries=ONCE) as client,
        pytest.raises(DeadlineExceededError),
        client.stream(b"f", timeout=1) as pages,
    ):
        next(pages)


def page_then_silence(connection: socket.socket) -> None:
    connection.sendall(HEAD)
    time.sleep(0.8)
    connection.sendall(lines(PAGE).content)
    until_it_leaves(connection)


def late_then_silent(connection: socket.socket) -> None:
    time.sleep(0.8)
    connection.sendall(HEAD)
    until_it_leaves(connection)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(30):
        connection.sendall(b"a")
        time.sleep(0.1)


async def _all_of(client: AsyncClient) -> None:
    async with client.stream(b"f", timeout=1) as pages:
        async for _ in pages:
            pass


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [late_then_silent, page_then_silence, drip])
async def test_the_other_client_is_exact(answer: Callable[[socket.socket], None]) -> None:
    with serving(answer) as url:
        async with AsyncClient(url, retries=ONCE) as client:
            with pytest.raises(DeadlineExceededError):
                await _all_of(client)


@pytest.mark.anyio
@pytest.mark.parametrize("step", [httpx.ReadTimeout("silent"), problem(504, "deadline_exceeded"), httpx.Response(504)])
async def test_who_does_not_say_so_in_time_is_not_ready(step: httpx.Response | Exception) -> None:
    assert not client_of(Service(step)).ready(timeout=1)
    assert not await async_client_of(Service(step)).ready(timeout=1)


def test_a_wait_is_never_longer_than_the_longest() -> None:
    told = _error_of(problem(429, "overloaded", retry_after="60"))
    waits = [Retries().wait(told, 1) for _ in range(50)]
    assert set(waits) == {60.0}
    assert Retries().wait(_error_of(problem(429, "overloaded", retry_after="61")), 1) is None


def _error_of(step: httpx.Response) -> OcrError:
    with pytest.raises(OcrError) as caught:
        client_of(Service(step), retries=ONCE).read(b"f")
    return caught.value
