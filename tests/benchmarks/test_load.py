"""What load is made of: long pages, clients that give up, servers that are watched."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from benchmarks.clients import NO_ANSWER, Client, Post, closed_loop
from benchmarks.drawn import CELL, COLUMNS, long_page
from benchmarks.servers import Program, Running, free_port, watching
from ocr_core.pages.images import decode

POST = Post("/", b"x", {})


@pytest.fixture
def answered():
    """An entry for each request that was answered."""
    return []


@pytest.fixture
def answering(answered):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            answered.append(self)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_long_page_has_ink_in_as_many_places_as_it_has_lines():
    pixels = decode(long_page(2 * COLUMNS + 1)).pixels
    cells = [
        (pixels[40 + row * CELL[1] :][: CELL[1], 40 + column * CELL[0] :][:, : CELL[0]] < 128).any()
        for row in range(3)
        for column in range(COLUMNS)
    ]
    assert cells == [True] * (2 * COLUMNS + 1) + [False] * (COLUMNS - 1)


def test_a_closed_loop_gives_the_answers_that_came_in_time(answering, answered, monkeypatch):
    monkeypatch.setattr("benchmarks.clients.time", SimpleNamespace(monotonic=lambda: float(len(answered))))
    answers = closed_loop(answering, [POST], clients=1, seconds=10)
    assert len(answered) == len(answers) == 10
    assert {answer.status for answer in answers} == {200}


def test_a_closed_loop_ends_when_it_is_told_to(answering, answered):
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(closed_loop, answering, [POST], 2, math.inf, over=over)
        while len(answered) < 3:
            time.sleep(0)
        over.set()
        assert len(load.result()) == len(answered)


def test_clients_give_up_on_a_server_that_does_not_answer(silent):
    assert closed_loop(silent, [POST], clients=2, seconds=0.1, patience=0.2) == []
    client = Client(silent, patience=0.1)
    assert client.send(POST)[0].status == NO_ANSWER
    client.close()


@pytest.mark.parametrize(("limit", "ended"), [(1.0, True), (0.0, False)])
def test_a_watched_server_is_killed_when_it_holds_more_than_it_may(limit, ended):
    program = Program(name="sleep", command=(), ready="/", path="/", form_field=None)
    command = [sys.executable, "-c", "print(flush=True); input()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()  # by then it holds more than the limit; a process just begun does not
        with watching(Running(program, 0, process), limit_mb=limit) as samples:
            pass
        assert samples
        assert (process.poll() is not None) is ended
    finally:
        process.kill()
        process.communicate()


def test_a_client_knows_whether_anybody_listens(silent):
    for port, listening in [(silent, True), (free_port(), False)]:
        client = Client(port)
        assert client.connect() is listening
        client.close()
