"""A service that gives prepared answers, on a port of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and a body for JSON."""


def polygon(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def body(width: int, height: int) -> dict[str, Any]:
    """Return the answer for a page with one line of two words."""
    words = [("Hello", polygon(100, 100, 300, 150)), ("world", polygon(320, 100, 500, 150))]
    line = {
        "text": "Hello world",
        "confidence": 0.9,
        "polygon": polygon(100, 100, 500, 150),
        "words": [{"text": text, "confidence": 0.9, "polygon": where} for text, where in words],
    }
    return {"pages": [{"file": "x", "page": 1, "width": width, "height": height, "rotation": 0, "lines": [line]}]}


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """Give the address of a service and what it was asked; the last answer is given again and again."""
    asked: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, content = answers[min(len(asked), len(answers) - 1)]
            asked.append((self.path, dict(self.headers), data))
            sent = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()
