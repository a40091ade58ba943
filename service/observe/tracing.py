"""Traces: the W3C `traceparent` of a request, and OpenTelemetry spans if the settings ask for them (extra `otel`).

Everything else says `with span("name"):`, which does nothing unless the request is traced.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from ocr_core.version import program_version
from service.errors import ServiceError

HEADER = "traceparent"
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)

PROBES = "/livez$,/readyz$,/metrics$,/v2/health/"
"""What is not traced, by expressions that its address is searched for, unless one of `EXCLUDED_URLS` says otherwise."""
EXCLUDED_URLS = ("OTEL_PYTHON_ASGI_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")

_ADDRESSES = ("url.query", "url.full", "http.url", "http.target")
"""Attributes that hold a query."""
_FIELD = re.compile(r"([^?&=]+)=([^&]*)")

Application = Callable[..., Awaitable[None]]
"""An ASGI application."""
Record = Callable[["str | None", Mapping[str, object]], None]
"""Names the span of a request by its route, None where there is none, and gives it attributes."""

trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""Trace that the request in this context belongs to; log lines take it from here."""
_tracer: ContextVar[Any] = ContextVar("tracer", default=None)


class TracingUnavailableError(ServiceError):
    """Traces are asked for, and the packages that send them are not installed."""

    code = "tracing_unavailable"


def parse_traceparent(header: str | None) -> str | None:
    """Return the trace id of a `traceparent` header (W3C Trace Context, section 3.2), None if there is no valid one."""
    match = _TRACEPARENT.fullmatch(header or "")
    if match is None or match["version"] == "ff" or (match["version"] == "00" and match["more"]):
        return None
    return match["trace"] if int(match["trace"], 16) and int(match["parent"], 16) else None


@contextmanager
def span(name: str) -> Iterator[None]:
    """Trace a part of the work on the request in this context."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name):
        yield


class NoTracing:
    """Only keeps the trace ids of clients for the log."""

    def middleware(self, app: Application) -> Application:
        """Return `app` as it is."""
        return app

    @contextmanager
    def request(self, headers: Mapping[str, str]) -> Iterator[Record]:
        """Serve a request with these headers."""
        token = trace_id.set(parse_traceparent(headers.get(HEADER)))
        try:
            yield lambda _route, _attributes: None
        finally:
            trace_id.reset(token)

    def close(self) -> None:
        """Do nothing."""


class OpenTelemetry(NoTracing):
    """Sends a span for each request, by OpenTelemetry's own ASGI middleware, and for the parts of its work below it.

    Everything about it is said by `OTEL_*` variables: where to send, what to sample, what to call the service.

    Args:
        exporter: where spans go; default OTLP over HTTP.
    """

    def __init__(self, exporter: Any = None) -> None:
        # Unless told otherwise, and it has no other switch, the instrumentation keeps to conventions of before 2023.
        os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.util.http import get_excluded_urls, parse_excluded_urls
        except ImportError as error:
            raise TracingUnavailableError(f"OCR_TRACES needs the extra `otel` ({error})") from error
        ours = {"service.name": "ocr", "service.version": program_version()}
        resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("service", program_version())
        self._current = trace.get_current_span
        chosen = any(name in os.environ for name in EXCLUDED_URLS)
        self._middleware = partial(
            OpenTelemetryMiddleware,
            excluded_urls=get_excluded_urls("ASGI") if chosen else parse_excluded_urls(PROBES),
            # A path that no route has must not name a span; one that has is named once it is known.
            default_span_details=lambda scope: (scope.get("method", "HTTP"), {}),
            tracer_provider=self._provider,
            exclude_spans=["receive", "send"],
        )

    def middleware(self, app: Application) -> Application:
        """Return `app` within a span for each request, a part of the trace that its client names, or of a new one."""
        traced: Application = self._middleware(app)
        return traced

    @contextmanager
    def request(self, headers: Mapping[str, str]) -> Iterator[Record]:
        """Serve a request with these headers inside the span that the middleware began."""
        current = self._current()
        context = current.get_span_context()
        if not context.is_valid:  # one that is not traced, such as a probe
            with super().request(headers) as ignore:
                yield ignore
            return
        method = getattr(current, "name", "HTTP")  # which is all that it is called so far
        for name, value in dict(getattr(current, "attributes", None) or {}).items():
            if name in _ADDRESSES and isinstance(value, str):
                current.set_attribute(name, _without_password(value))

        def record(route: str | None, attributes: Mapping[str, object]) -> None:
            if current.is_recording():  # it ends with the last byte of the answer
                if route:
                    current.update_name(f"{method} {route}")
                    current.set_attribute("http.route", route)
                named = {f"ocr.{name}": value for name, value in attributes.items()}
                current.set_attributes({k: v for k, v in named.items() if isinstance(v, (str, int, float))})

        ids, tracers = trace_id.set(f"{context.trace_id:032x}"), _tracer.set(self._tracer)
        try:
            yield record
        finally:
            _tracer.reset(tracers)
            trace_id.reset(ids)

    def close(self) -> None:
        """Send what is left; blocks."""
        self._provider.shutdown()


def _without_password(query: str) -> str:
    """Return a query without the password of a PDF, which clients should send in the body, and some do not."""
    return _FIELD.sub(lambda m: f"{m[1]}=REDACTED" if unquote_plus(m[1]) == "password" else m[0], query)
