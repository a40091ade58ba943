"""Traces: the W3C `traceparent` of a request, and OpenTelemetry spans if the settings ask for them (extra `otel`).

Everything else says `with span("name"):`, which does nothing unless the request is traced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from service.errors import ServiceError
from service.version import program_version

HEADER = "traceparent"
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)

Record = Callable[[str, Mapping[str, object]], None]
"""Names the span of a request and gives it attributes."""

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

    @contextmanager
    def request(self, headers: Mapping[str, str]) -> Iterator[Record]:
        """Serve a request with these headers."""
        token = trace_id.set(parse_traceparent(headers.get(HEADER)))
        yield lambda _name, _attributes: None
        trace_id.reset(token)

    def close(self) -> None:
        """Do nothing."""


class OpenTelemetry(NoTracing):
    """Sends a span for each request and for the parts of its work. Where to, `OTEL_*` variables say.

    Args:
        exporter: where spans go; default OTLP over HTTP.
    """

    def __init__(self, exporter: Any = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise TracingUnavailableError(f"OCR_TRACES needs the extra `otel` ({error})") from error
        resource = Resource.create({"service.name": "ocr", "service.version": program_version()})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("service")
        self._extract = TraceContextTextMapPropagator().extract
        self._server = trace.SpanKind.SERVER

    @contextmanager
    def request(self, headers: Mapping[str, str]) -> Iterator[Record]:
        """Serve a request with these headers as a part of the trace that they name, or of a new one."""
        parent = self._extract(dict(headers))
        with self._tracer.start_as_current_span("request", context=parent, kind=self._server) as current:

            def record(name: str, attributes: Mapping[str, object]) -> None:
                current.update_name(name)
                current.set_attributes({k: v for k, v in attributes.items() if isinstance(v, (str, int, float))})

            ids = trace_id.set(f"{current.get_span_context().trace_id:032x}")
            tracers = _tracer.set(self._tracer)
            yield record
            _tracer.reset(tracers)
            trace_id.reset(ids)

    def close(self) -> None:
        """Send what is left; blocks."""
        self._provider.shutdown()
