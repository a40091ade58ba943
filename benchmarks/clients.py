"""HTTP clients: a closed loop, in which each waits for its answer, and an open one, in which nobody waits."""

from __future__ import annotations

import http.client
import itertools
import mimetypes
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers import Running

BOUNDARY = "----ocr-benchmark"
PATIENCE = 120.0
"""Seconds after which a client gives up, far beyond any deadline."""
NO_ANSWER = 0
BROKEN_PAUSE = 0.2
"""Seconds that a client of a closed loop waits after a connection broke."""


@dataclass(frozen=True, slots=True)
class Post:
    """One request, ready to be sent."""

    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request. `status` 0: the connection broke before an answer."""

    status: int
    sent: float
    seconds: float

    @property
    def end(self) -> float:
        """When it was answered, by `time.monotonic`."""
        return self.sent + self.seconds


def post_of(server: Running, image: Path, *, query: str = "", timeout_ms: int | None = None) -> Post:
    """Return the request that reads `image`."""
    data = image.read_bytes()
    kind = mimetypes.guess_type(image.name)[0] or "application/octet-stream"
    headers = {} if timeout_ms is None else {"X-Request-Timeout-Ms": str(timeout_ms)}
    if server.program.form_field is None:
        return Post(server.program.path + query, data, {"Content-Type": kind, **headers})
    disposition = f'form-data; name="{server.program.form_field}"; filename="{image.name}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: {kind}\r\n\r\n".encode()
    body = head + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Post(server.program.path, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **headers})


class Client:
    """One client with a connection of its own, kept open between requests."""

    def __init__(self, port: int, patience: float = PATIENCE) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)

    def connect(self) -> bool:
        """Connect at once; False if nobody listens."""
        try:
            self._connection.connect()
        except OSError:
            return False
        return True

    def send(self, post: Post) -> tuple[Answer, http.client.HTTPMessage | None, bytes]:
        """Send a request and return what came back."""
        sent = time.monotonic()
        try:
            self._connection.request("POST", post.path, post.body, post.headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Answer(NO_ANSWER, sent, time.monotonic() - sent), None, b""
        return Answer(response.status, sent, time.monotonic() - sent), response.headers, body

    def send_and_leave(self, post: Post) -> None:
        """Send a request and hang up without waiting for its answer."""
        with suppress(OSError):
            self._connection.request("POST", post.path, post.body, post.headers)
        self._connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def closed_loop(
    port: int,
    posts: Sequence[Post],
    clients: int,
    seconds: float,
    patience: float = PATIENCE,
    over: threading.Event | None = None,
) -> list[Answer]:
    """Let `clients` clients send `posts` in turn for `seconds`, and return the answers that came within them.

    A client that is told to come back later does. One that has waited for more than `patience` seconds gives up.
    Where there is `over`, all end with the answers that they wait for once it is set.
    """
    turns = _Turns(posts)
    over = over or threading.Event()
    end = time.monotonic() + seconds

    def work() -> list[Answer]:
        client = Client(port, patience)
        answers = []
        while time.monotonic() < end and not over.is_set():
            answer, headers, _ = client.send(turns.next())
            answers.append(answer)
            if answer.status == 429 and headers is not None:
                over.wait(max(0.0, min(float(headers["retry-after"]), end - time.monotonic())))
            if answer.status == NO_ANSWER:
                time.sleep(BROKEN_PAUSE)
        client.close()
        return answers

    with ThreadPoolExecutor(clients) as pool:
        done = [future.result() for future in [pool.submit(work) for _ in range(clients)]]
    return [answer for answers in done for answer in answers if answer.end <= end]


def some_leave(
    port: int, posts: Sequence[Post], clients: int, count: int, leaving: float, seed: int = 0
) -> Counter[str]:
    """Send `count` requests by `clients` clients, who leave a part of them unanswered; return what became of each."""
    turns = _Turns(posts)

    def work(number: int) -> Counter[str]:
        rng, client, became = random.Random(f"{seed}/{number}"), Client(port), Counter[str]()
        for _ in range(number, count, clients):
            if rng.random() < leaving:
                client.send_and_leave(turns.next())
                became["left"] += 1
            else:
                became[str(client.send(turns.next())[0].status)] += 1
        client.close()
        return became

    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(work, range(clients)), Counter[str]())


def open_loop(port: int, posts: Sequence[Post], rate: float, seconds: float, seed: int = 0) -> list[Answer]:
    """Send `rate` requests a second at random times, each by a new client, whether or not others were answered."""
    rng, turns = random.Random(seed), _Turns(posts)

    def one(post: Post) -> Answer:
        client = Client(port)
        answer, _, _ = client.send(post)
        client.close()
        return answer

    begin = time.monotonic()
    at = 0.0
    with ThreadPoolExecutor(2000) as pool:  # as many as there may be without an answer
        futures = []
        while at < seconds:
            time.sleep(max(0.0, begin + at - time.monotonic()))
            futures.append(pool.submit(one, turns.next()))
            at += rng.expovariate(rate)
        return [future.result() for future in futures]


def summary(answers: Sequence[Answer], seconds: float) -> dict[str, Any]:
    """Return requests a second, quantiles of the time to a 200 in seconds, and how often each status came."""
    good = sorted(answer.seconds for answer in answers if answer.status == 200)
    return {
        "requests_per_second": len(good) / seconds,
        "p50": quantile(good, 0.5),
        "p90": quantile(good, 0.9),
        "p99": quantile(good, 0.99),
        "statuses": dict(sorted(Counter(answer.status for answer in answers).items())),
    }


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """Return the value below which `share` of the values lie, None of no values."""
    if len(ascending) < 2:
        return ascending[0] if ascending else None
    return statistics.quantiles(ascending, n=1000, method="inclusive")[round(share * 1000) - 1]


class _Turns:
    """Gives items in turn to any number of threads."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self._posts: Iterator[Post] = itertools.cycle(posts)
        self._lock = threading.Lock()

    def next(self) -> Post:
        with self._lock:
            return next(self._posts)
