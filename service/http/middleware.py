"""What every request gets: an id, a log line, metrics, an answer even to the unexpected; and HEAD answered as GET."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.engine.serving import Serving, State
from service.errors import ClientGoneError
from service.http.exchange import Exchange, choose_request_id
from service.http.problems import CLIENT_GONE, REJECTED, problem_response, result_of
from service.observe.logs import request_id
from service.observe.metrics import READ_ENDPOINTS, Metrics
from service.observe.tracing import NoTracing, Record

log = logging.getLogger("service.request")

ID_HEADER = "X-Request-Id"
DIGEST_HEADER = "X-Model-Digest"


class ExchangeMiddleware:
    """Opens an `Exchange` for each request and closes it with a log line and metrics."""

    def __init__(self, app: ASGIApp, metrics: Metrics, serving: Serving, tracing: NoTracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = Exchange(request_id=choose_request_id(headers.get(ID_HEADER)))
        scope.setdefault("state", {})["exchange"] = exchange
        reading = scope["path"] in READ_ENDPOINTS and scope["method"] in ("POST", "PUT")
        token = request_id.set(exchange.request_id)
        with self._tracing.request(headers) as record:
            if reading:
                self._metrics.in_progress.inc()
            try:
                await self._serve(scope, receive, send, exchange, record)
            except asyncio.CancelledError:
                exchange.status = CLIENT_GONE
                exchange.error = ClientGoneError("the request was given up before its answer")
                raise
            finally:
                if reading:
                    self._metrics.in_progress.dec()
                self._close(scope, exchange, record, reading=reading)
                request_id.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange, record: Record) -> None:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[ID_HEADER] = exchange.request_id
                if self._serving.state is State.CLOSED:
                    headers["Connection"] = "close"
                if digest := exchange.model_digest or self._serving.digest:
                    headers[DIGEST_HEADER] = digest
                record(_route(scope), self._known(exchange))
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except Exception as error:
            log.exception("unexpected error")
            exchange.error = error
            if not exchange.status:
                await problem_response(exchange.request_id, error)(scope, receive, send_named)

    def _close(self, scope: Scope, exchange: Exchange, record: Record, *, reading: bool) -> None:
        endpoint = _route(scope) or "unmatched"
        status = exchange.status or HTTPStatus.INTERNAL_SERVER_ERROR
        self._metrics.requests.labels(endpoint, str(int(status))).inc()
        if key := exchange.key:
            self._metrics.key_requests.labels(key, str(int(status))).inc()
        if reading:
            self._metrics.duration.labels(exchange.kind, result_of(status)).observe(exchange.elapsed())
            reasons = (REJECTED[kind] for kind in type(exchange.error).__mro__ if kind in REJECTED)
            if reason := next(reasons, None):
                self._metrics.rejected.labels(reason).inc()
        known = self._known(exchange)
        record(_route(scope), known)
        fields = {
            "method": scope["method"],
            "endpoint": endpoint,
            "status": int(status),
            "duration_ms": round(exchange.elapsed() * 1000, 2),
            **known,
        }
        quiet = scope["method"] == "GET" and status < HTTPStatus.BAD_REQUEST
        log.log(logging.DEBUG if quiet else logging.INFO, "request", extra=fields)
        exchange.error = None  # its traceback leads back here, a circle that would keep the upload in memory

    def _known(self, exchange: Exchange) -> dict[str, object]:
        """Return what the log and the trace say of a request beside what every web server does."""
        known = {
            "key": exchange.key,
            "code": getattr(exchange.error, "code", None),
            "model_digest": exchange.model_digest or self._serving.digest,
            **exchange.facts,
        }
        return {name: value for name, value in known.items() if value is not None}


class HeadMiddleware:
    """Answers HEAD as GET without the body (RFC 9110, section 9.3.2), for probes and proxies that ask so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_headers)


def _route(scope: Scope) -> str | None:
    """Return the route's template, never the path itself: a scanner must not make labels."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else None
