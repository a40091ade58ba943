"""A service that gives prepared answers, and clients of it."""

from __future__ import annotations

import json
from typing import Any

import httpx

from ocr_client import (
    AsyncClient,
    Client,
)

MODEL = {"name": "m", "version": "1", "digest": "d"}
LINE = {"text": "Total", "confidence": 0.9, "polygon": [[0, 0], [9, 0], [9, 5], [0, 5]], "words": [], "new": "field"}
PAGE = {"file": "a.jpg", "page": 1, "width": 9, "height": 5, "rotation": 0, "lines": [LINE], "new": "field"}
END = {"done": True, "pages": 1, "failed": 0, "timings_ms": {"total": 1.0}, "model": MODEL}
ANSWER = {"pages": [PAGE], "timings_ms": {"total": 1.0}, "model": MODEL}
OK = httpx.Response(200, json=ANSWER)
LINES = "application/x-ndjson"
Step = httpx.Response | Exception


class Service:
    """Gives one step after the other, the last again and again; keeps what it was asked."""

    def __init__(self, *steps: Step) -> None:
        self.asked: list[httpx.Request] = []
        self._steps = steps

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._next(request)

    async def later(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self._next(request)

    def _next(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        step = self._steps[min(len(self.asked), len(self._steps)) - 1]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)


def problem(status: int, code: str, *, retry_after: str | None = None, **more: Any) -> httpx.Response:
    body = {"type": "about:blank", "title": "T", "status": status, "code": code, "detail": "why", "request_id": "r"}
    headers = {"retry-after": retry_after} if retry_after else {}
    return httpx.Response(status, json={**body, **more}, headers=headers)


def client_of(service: Service, **options: Any) -> Client:
    return Client("http://service/", http=httpx.Client(transport=httpx.MockTransport(service)), **options)


def async_client_of(service: Service, **options: Any) -> AsyncClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(service.later))
    return AsyncClient("http://service/", http=http, **options)


def form(request: httpx.Request) -> dict[str, bytes]:
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    parts = [part.partition(b"\r\n\r\n") for part in request.content.split(b"--" + boundary)[1:-1]]
    return {head.partition(b'name="')[2].partition(b'"')[0].decode(): body[:-2] for head, _, body in parts}


def lines(*bodies: Any) -> httpx.Response:
    return of_type(LINES, "".join(json.dumps(body) + "\n" for body in bodies))


def of_type(media_type: str, text: str | bytes) -> httpx.Response:
    return httpx.Response(200, content=text, headers={"content-type": media_type})


def job(state: str) -> httpx.Response:
    counts = {"pages_total": 1, "pages_done": 0, "pages_failed": 0, "seconds_left": None}
    return httpx.Response(200, json={"id": "j", "state": state, "expires": "2030", "error": None, **counts})
