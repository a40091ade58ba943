"""Hostile connections over plain sockets, for what no HTTP library would send."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from threading import Event

from benchmarks.clients import BOUNDARY

NO_ANSWER = "none"
TIMEOUT = 60.0


def answer_to(port: int, chunks: Iterable[bytes], over: Event) -> str:
    """Send chunks until all are sent, an answer comes or it is over; return the status line's code."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
        try:
            for chunk in chunks:
                if over.is_set():
                    return NO_ANSWER
                connection.sendall(chunk)
        except OSError:  # the service has had enough; its answer may have come before
            pass
        return _status(connection, over)


def _status(connection: socket.socket, over: Event) -> str:
    connection.settimeout(0.5)
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline and not over.is_set():
        try:
            line = connection.recv(4096)
        except TimeoutError:
            continue
        except OSError:
            return NO_ANSWER
        return line.split(b" ", 2)[1].decode() if line.startswith(b"HTTP/") else NO_ANSWER
    return NO_ANSWER


def head(path: str, length: int, content_type: str = "image/jpeg", **headers: str) -> bytes:
    """Return the head of a POST that promises a body of `length` bytes."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {length}\r\n{more}\r\n"
    ).encode()


def silent(length: int) -> Iterator[bytes]:
    """Promise a body and send none of it."""
    yield head("/v1/ocr", length)


def large_order(length: int) -> Iterator[bytes]:
    """Send a body to a route that only admins may use, without a key."""
    yield head("/v1/models/fake/load", length, "application/json")
    chunk = b" " * 2**16
    for _ in range(length // len(chunk)):
        yield chunk


def repeated_fields(length: int) -> Iterator[bytes]:
    """Send a form in which one empty field is repeated until the body has `length` bytes."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'.encode()
    count = length // len(part)
    end = f"--{BOUNDARY}--\r\n".encode()
    yield head("/v1/ocr", count * len(part) + len(end), f"multipart/form-data; boundary={BOUNDARY}")
    for _ in range(count // 1000):
        yield part * 1000
    yield part * (count % 1000) + end


def absurd_deadline(digits: int, image: bytes) -> Iterator[bytes]:
    """Ask for a deadline of a number with so many digits."""
    yield head("/v1/ocr", len(image), X_Request_Timeout_Ms="9" * digits) + image


def upload(image: bytes, query: str = "") -> Iterator[bytes]:
    """Send an image as anybody would."""
    yield head(f"/v1/ocr{query}", len(image)) + image
