"""Trace ids of clients, spans of our own, and timings in headers."""

from __future__ import annotations

import logging
import re
import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from service_clients import Serve, client_of
from service_fakes import FakeReader, always_a, bundle, dark, encoded, parts
from test_service_health import PAGE

from ocr_core.backends.fake import FakeBackend
from ocr_core.pipeline.engine import Engine
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


@pytest.mark.anyio
async def test_spans_of_a_request_belong_to_the_clients_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr("service.app.OpenTelemetry", lambda: OpenTelemetry(exporter))
    engine = Engine(bundle(), FakeBackend({"detector": dark, "recognizer": always_a}))
    app = create_app(Settings(model="fake", traces=True), engine_factory=lambda _: engine)
    async with app.router.lifespan_context(app), client_of(app) as client:
        await app.state.context.serving.settled()
        await client.post(URL, headers={"traceparent": TRACEPARENT}, files=parts(PAGE))
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert set(spans) == {"POST /v1/ocr", "decode", "det", "rec"}
    root = spans.pop("POST /v1/ocr")
    assert f"{root.context.trace_id:032x}" == TRACE
    assert f"{root.parent.span_id:016x}" == PARENT
    assert root.attributes["status"] == 200
    assert root.attributes["images"] == 1
    assert {span.parent.span_id for span in spans.values()} == {root.context.span_id}


@pytest.mark.anyio
async def test_without_a_client_trace_a_new_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    tracing = OpenTelemetry(exporter)
    for _ in range(2):
        with tracing.request({}) as record:
            record("GET /livez", {"status": 200, "timings_ms": {"det": 1}, "text": ["secret"]})
    tracing.close()
    first, second = exporter.get_finished_spans()
    assert first.context.trace_id != second.context.trace_id
    assert dict(first.attributes) == {"status": 200}


def test_traces_without_their_packages_are_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracingUnavailableError, match="extra `otel`"):
        create_app(Settings(traces=True))


def test_spans_cost_nothing_without_traces() -> None:
    with NoTracing().request({"traceparent": TRACEPARENT}) as record, span("det"):
        record("GET /livez", {})


def test_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.app.OpenTelemetry", None)
    create_app(Settings(), engine_factory=lambda _: FakeReader())
