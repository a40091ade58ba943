"""Trace ids of clients, spans of our own, and timings in headers."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from service_clients import Serve, client_of
from service_fakes import PATIENCE, FakeReader, always_a, bundle, dark, encoded, page_of_text, parts

from ocr_core.backends.fake import FakeBackend
from ocr_core.errors import BackendError
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Page, ReadOptions
from ocr_core.version import program_version
from service.app import create_app
from service.observe.logs import JsonFormatter
from service.observe.tracing import NoTracing, OpenTelemetry, TracingUnavailableError, parse_traceparent, span
from service.settings import Settings

URL = "/v1/ocr"
IMAGE = encoded()
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (TRACEPARENT, TRACE),
        (f"00-{TRACE}-{PARENT}-00", TRACE),
        (f"01-{TRACE}-{PARENT}-01-more", TRACE),
        (f"00-{TRACE}-{PARENT}-01-more", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE}-{PARENT}", None),
        ("", None),
        (None, None),
    ],
)
def test_traceparents(header: str | None, trace: str | None) -> None:
    assert parse_traceparent(header) == trace


@pytest.mark.anyio
async def test_log_lines_name_the_trace_of_the_client(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    lines = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonFormatter().format(record))

    keep = Keep()
    caplog.set_level(logging.INFO)
    logging.getLogger("service.request").addHandler(keep)
    try:
        async with serve() as client:
            await client.post(URL, headers={"traceparent": TRACEPARENT}, files=parts(IMAGE))
            await client.post(URL, files=parts(IMAGE))
    finally:
        logging.getLogger("service.request").removeHandler(keep)
    assert [f'"trace_id": "{TRACE}"' in line for line in lines] == [True, False]


@pytest.mark.anyio
async def test_timings_are_in_a_header_that_browsers_show(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(URL, files=parts(IMAGE))
    metrics = dict(re.findall(r"(\w+);dur=([\d.]+)", answer.headers["server-timing"]))
    assert {stage: float(value) for stage, value in metrics.items()} == answer.json()["timings_ms"]
    assert {"queue", "det", "rec", "total"} <= set(metrics)


@pytest.mark.anyio
async def test_text_is_logged_only_if_asked_for(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.request")
    for wanted in (False, True):
        async with serve(log_text=wanted) as client:
            await client.post(URL, files=parts(IMAGE))
    records = [record for record in caplog.records if record.name == "service.request"]
    assert [getattr(record, "text", None) for record in records] == [None, ["Total 12.95", "smudge"]]


def failing(_: np.ndarray, __: ReadOptions) -> Page:
    raise BackendError("no such kernel")


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Give what an application with traces will export to once it is closed."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr("service.app.OpenTelemetry", lambda: OpenTelemetry(exporter))
    return exporter


@asynccontextmanager
async def traced(reader: object, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(model="fake", traces=True, **settings), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app), client_of(app) as client:
        await app.state.context.serving.settled()
        yield client


def named(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


@pytest.mark.anyio
async def test_spans_of_a_request_belong_to_the_clients_trace(exporter: InMemorySpanExporter) -> None:
    engine = Engine(bundle(), FakeBackend({"detector": dark, "recognizer": always_a}))
    async with traced(engine, log_text=True) as client:
        await client.post(f"{URL}?words=true", headers={"traceparent": TRACEPARENT}, files=parts(page_of_text()))
    spans = named(exporter)
    assert set(spans) == {"POST /v1/ocr", "decode", "det", "rec"}
    root = spans.pop("POST /v1/ocr")
    assert f"{root.context.trace_id:032x}" == TRACE
    assert f"{root.parent.span_id:016x}" == PARENT
    assert {span.parent.span_id for span in spans.values()} == {root.context.span_id}
    # https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
    assert root.kind is SpanKind.SERVER
    assert {name: root.attributes.get(name) for name in SEMANTIC} == SEMANTIC
    assert {name for name in root.attributes if name.startswith("ocr.")} == {
        "ocr.images",
        "ocr.failed",
        "ocr.lines",
        "ocr.model_digest",
    }
    assert not any(name.startswith(("http.method", "http.url", "http.target")) for name in root.attributes)


@pytest.mark.anyio
async def test_spans_hold_no_password(exporter: InMemorySpanExporter) -> None:
    async with traced(FakeReader()) as client:
        await client.post(f"{URL}?words=true&pass%77ord=hush&password=hush+hush&pages=1", files=parts(IMAGE))
    root = named(exporter)["POST /v1/ocr"]
    assert root.attributes["url.query"] == "words=true&pass%77ord=REDACTED&password=REDACTED&pages=1"
    assert "hush" not in str(dict(root.attributes))


SEMANTIC = {
    "http.request.method": "POST",
    "http.route": "/v1/ocr",
    "http.response.status_code": 200,
    "url.path": "/v1/ocr",
    "url.query": "words=true",
    "url.scheme": "http",
    "network.protocol.version": "1.1",
}


@pytest.mark.anyio
async def test_spans_tell_what_went_wrong_and_strangers_do_not_name_them(exporter: InMemorySpanExporter) -> None:
    async with traced(FakeReader(failing)) as client:
        for method, path in (("POST", URL), ("GET", "/v1/models"), ("GET", "/secret/path"), ("HEAD", "/version")):
            await client.request(method, path, **({"files": parts(IMAGE)} if method == "POST" else {}))
        await client.get("/livez")
        await client.get("/v2/health/ready")
        await client.get("/metrics")
    spans = named(exporter)
    assert set(spans) == {"POST /v1/ocr", "decode", "GET /v1/models", "GET", "HEAD /version"}
    failed = spans["POST /v1/ocr"]
    assert (failed.status.status_code, failed.attributes["error.type"]) == (StatusCode.ERROR, "500")
    assert failed.attributes["ocr.code"] == "backend_error"
    assert spans["GET"].status.status_code is StatusCode.UNSET  # a client's mistake is no error of the server
    assert "http.route" not in spans["GET"].attributes


@pytest.mark.anyio
async def test_a_request_that_is_cancelled_has_a_span_that_says_so(exporter: InMemorySpanExporter) -> None:
    reader = FakeReader(held=True)
    async with traced(reader) as client:
        request = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        reader.release()
    assert named(exporter)["POST /v1/ocr"].attributes["ocr.code"] == "client_gone"


@pytest.mark.anyio
async def test_without_a_client_trace_a_new_one_begins_and_the_log_names_it(
    exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(JsonFormatter().format(record))
    caplog.set_level(logging.DEBUG, "service.request")
    logging.getLogger("service.request").addHandler(handler)
    try:
        async with traced(FakeReader()) as client:
            for _ in range(2):
                await client.get("/version")
    finally:
        logging.getLogger("service.request").removeHandler(handler)
    traces = [f"{span.context.trace_id:032x}" for span in exporter.get_finished_spans()]
    assert len(set(traces)) == 2
    assert [f'"trace_id": "{trace}"' in line for trace, line in zip(traces, lines, strict=True)] == [True, True]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "ocr"),
        ({"OTEL_SERVICE_NAME": "till"}, "till"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,deployment.environment.name=test"}, "shop"),
    ],
)
async def test_the_service_is_called_what_the_environment_says(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    async with traced(FakeReader()) as client:
        await client.get("/version")
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == name
    assert span.resource.attributes["service.version"] == program_version()
    if "OTEL_RESOURCE_ATTRIBUTES" in variables:
        assert span.resource.attributes["deployment.environment.name"] == "test"


@pytest.mark.anyio
async def test_the_environment_says_what_is_not_traced(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "/version")
    async with traced(FakeReader()) as client:
        await client.get("/version")
        await client.get("/livez")
    assert set(named(exporter)) == {"GET /livez"}


@pytest.mark.parametrize("package", ["opentelemetry.sdk.trace", "opentelemetry.instrumentation.asgi"])
def test_traces_without_their_packages_are_refused_with_advice(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(TracingUnavailableError, match="extra `otel`"):
        create_app(Settings(traces=True))


def test_spans_cost_nothing_without_traces() -> None:
    with NoTracing().request({"traceparent": TRACEPARENT}) as record, span("det"):
        record("/livez", {})


def test_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.app.OpenTelemetry", None)
    create_app(Settings(), engine_factory=lambda _: FakeReader())
