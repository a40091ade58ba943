"""Requests on their way in: how large and how slow their bodies, how many their fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

import anyio
from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import (
    InvalidRequestError,
    MalformedRequestError,
    OverloadedError,
    PayloadTooLargeError,
    UploadStalledError,
)
from service.http.fields import in_words
from service.http.problems import problem_response
from service.http.protocol import CROWDED

MAX_BODY_BYTES = 65_536
"""Limit of every route that takes no files: its fields are a few hundred bytes."""
MAX_JSON_MARKS = 100
"""Commas, colons and brackets of a JSON body. No form has ten fields; a parser makes a hundred bytes of each mark."""
MAX_QUERY_FIELDS = 100
"""Fields of a query, each of which takes the event loop some 50 µs. No route knows ten."""
PROBES = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
LINGER_SECONDS = 2.0
"""What still comes of a body that was answered is thrown away for so long: most clients send all before they listen,
and a connection that is closed while they do takes the answer from them. 0: never."""

T = TypeVar("T")


class Incoming:
    """The body of one request. Nothing of it is read before a route asks, so that keys are looked at first."""

    def __init__(self, headers: Headers, limit: int, idle: float, receive: Receive, send: Send) -> None:
        declared = headers.get("content-length", "")
        self.declared = int(declared[:20]) if declared.isdecimal() else None
        """Bytes that the request says it has."""
        self._whole = not self.declared and "transfer-encoding" not in headers
        self._limit = limit
        self._idle = idle
        self._received = 0
        self._lost = False
        self._patience = anyio.CancelScope()
        self._receive = receive
        self._send = send

    def give_up(self) -> None:
        """Wait no longer for bytes: the request ends as one that was silent for too long."""
        self._idle = 0.0
        self._patience.cancel()

    async def receive(self) -> Message:
        """Return the next message of the server.

        Raises:
            PayloadTooLargeError: the body is, or says it is, over the limit.
            UploadStalledError: nothing came for too long.
        """
        if self._whole:
            return await self._receive()
        self._require_within(max(self._received, self.declared or 0))
        with anyio.move_on_after(self._idle) as self._patience:
            message = await self._receive()
        self._lost = self._patience.cancelled_caught
        if self._lost:
            raise UploadStalledError("no byte of the body came for too long")
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            self._require_within(self._received)
        else:
            self._lost = True
        return message

    async def send(self, message: Message) -> None:
        """Send a message; an answer to half a request is the last one on its connection."""
        if message["type"] == "http.response.start" and not self._whole:
            MutableHeaders(scope=message)["Connection"] = "close"
        if message["type"] == "http.response.body" and not self._whole and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _linger(self) -> None:
        if self._lost or not LINGER_SECONDS:
            return
        with anyio.move_on_after(LINGER_SECONDS):
            while not self._whole:
                message = await self._receive()
                self._whole = not message.get("more_body", False)

    def _require_within(self, nbytes: int) -> None:
        if nbytes > self._limit:
            raise PayloadTooLargeError(f"the body is over the limit of {self._limit} bytes")


class BodyMiddleware:
    """Holds every body to a limit and a pace, whichever route reads it.

    Args:
        app: what is asked.
        limits: bytes of a body at most, by path; `MAX_BODY_BYTES` for all others.
        idle: seconds between two pieces of a body at most.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int], idle: float) -> None:
        self._app = app
        self._limits = limits
        self._idle = idle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limits.get(scope["path"], MAX_BODY_BYTES)
        incoming = Incoming(Headers(scope=scope), limit, self._idle, receive, send)
        state = scope.setdefault("state", {})
        state["incoming"] = incoming
        if (error := _refusal(scope)) is not None:
            state["exchange"].error = error
            response = problem_response(state["exchange"].request_id, error)
            response.headers["Connection"] = "close"
            await response(scope, receive, incoming.send)
            return
        await self._app(scope, incoming.receive, incoming.send)


def _refusal(scope: Scope) -> Exception | None:
    """Return why a request is not even routed, if so. Probes tell how the service is however many others ask."""
    if scope["state"].get(CROWDED) and scope["path"] not in PROBES:
        return OverloadedError("there are too many connections", retry_after=1)
    if scope["query_string"].count(b"&") >= MAX_QUERY_FIELDS:
        return InvalidRequestError([{"loc": ("query",), "msg": f"more than {MAX_QUERY_FIELDS} fields"}])
    return None


def incoming_of(request: Request) -> Incoming:
    """Return the body that the middleware watches for `request`."""
    incoming = request.state.incoming
    assert isinstance(incoming, Incoming)
    return incoming


async def collect_json(chunks: AsyncIterator[bytes]) -> bytearray:
    """Return a body whole.

    Raises:
        MalformedRequestError: it is no JSON of a few fields; the rest is not read.
    """
    body, marks = bytearray(), 0
    async for chunk in chunks:
        marks += sum(map(chunk.count, (b",", b":", b"[", b"{")))
        if marks > MAX_JSON_MARKS:
            raise MalformedRequestError("the body is not JSON of a few fields")
        body += chunk
    return body


def parse_json(body: bytearray, adapter: TypeAdapter[T]) -> T:
    """Return what a JSON body says.

    Raises:
        MalformedRequestError: it is no JSON.
        InvalidRequestError: a field is missing, unknown or out of its range.
    """
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False)
        if found[0]["type"] == "json_invalid":
            raise MalformedRequestError(f"the body is not JSON: {found[0]['ctx']['error']}") from error
        schema = adapter.json_schema()
        parts = (schema, *schema.get("$defs", {}).values())
        known = [name for part in parts for name in part.get("properties", ())]
        raise InvalidRequestError([{"loc": ("body", *e["loc"]), "msg": in_words(e, known)} for e in found]) from error


def body_of(adapter: TypeAdapter[T]) -> Callable[[Request], Awaitable[T | None]]:
    """Return a dependency that reads an optional JSON body after keys were looked at; FastAPI reads its own before."""

    async def read(request: Request) -> T | None:
        body = await collect_json(request.stream())
        return parse_json(body, adapter) if body else None

    return read
