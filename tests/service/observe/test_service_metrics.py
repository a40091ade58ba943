"""Names, labels and buckets are a contract with dashboards and alerts."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pdfs
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from service_clients import Leap, Serve, client_of
from service_fakes import DIGEST, PATIENCE, FakeReader, encoded, parts, two_lines

from ocr_core.errors import BackendError
from ocr_core.pipeline.result import Page, ReadOptions
from service.app import create_app
from service.auth.keys import new_key
from service.observe.metrics import Metrics
from service.settings import Settings

URL = "/v1/ocr"
IMAGE = encoded()
PAGES = [pdfs.paragraph(["This is a page of a document,", "which carries its text."])]

NAMES = {
    "ocr_requests": {"endpoint", "code"},
    "ocr_request_duration_seconds": {"kind", "result"},
    "ocr_stage_duration_seconds": {"stage"},
    "ocr_batch_size": {"stage"},
    "ocr_queue_size": {"stage"},
    "ocr_requests_in_progress": set(),
    "ocr_requests_rejected": {"reason"},
    "ocr_images": {"result"},
    "ocr_key_requests": {"key", "code"},
    "ocr_lines_per_image": set(),
    "ocr_line_confidence": set(),
    "ocr_empty_results": set(),
    "ocr_model_info": {"name", "version", "digest", "backend", "provider"},
    "ocr_model_reload": {"result"},
    "ocr_jobs": {"state"},
    "ocr_job_wait_seconds": set(),
    "ocr_jobs_ended": {"state"},
    "ocr_job_pages": {"result"},
    "ocr_jobs_taken_over": set(),
    "ocr_job_store_errors": set(),
    "ocr_job_callbacks": {"result"},
    "ocr_memory_limit_bytes": set(),
}


def test_names_and_labels_are_those_of_the_conventions() -> None:
    metrics = Metrics()
    found = {
        collector._name: set(collector._labelnames)
        for collector in vars(metrics).values()
        if hasattr(collector, "_labelnames")
    }
    assert found == NAMES


def test_duration_buckets_are_those_of_the_conventions() -> None:
    buckets = [
        sample.labels["le"]
        for sample in samples(Metrics(), "ocr_request_duration_seconds_bucket")
        if (sample.labels["kind"], sample.labels["result"]) == ("image", "read")
    ]
    wanted = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, float("inf")]
    assert [float(bucket) for bucket in buckets] == wanted


@pytest.mark.parametrize(
    ("limit", "total", "told"), [(1 << 30, 8 << 30, 1 << 30), (None, 8 << 30, 8 << 30), (9 << 30, 8 << 30, 8 << 30)]
)
def test_the_memory_that_it_may_take_is_told(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, total: int, told: int
) -> None:
    monkeypatch.setattr("service.observe.metrics.memory_limit", lambda: limit)
    monkeypatch.setattr("service.observe.metrics.total_memory", lambda: total)
    assert [sample.value for sample in samples(Metrics(), "ocr_memory_limit_bytes")] == [told]


def samples(metrics: Metrics, name: str) -> list:
    body, _ = metrics.expose("")
    families = text_string_to_metric_families(body.decode())
    return [sample for family in families for sample in family.samples if sample.name == name]


def test_no_jobs_are_none_and_not_nothing() -> None:
    found = {sample.labels["state"]: sample.value for sample in samples(Metrics(), "ocr_jobs")}
    assert found == {"queued": 0, "running": 0}


@pytest.mark.anyio
async def test_a_scrape_tells_what_happened(serve: Serve) -> None:
    async with serve(max_pixels=2000, max_client_batch_size=3) as client:
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200
        assert (await client.post(URL, params={"min_confidence": 1}, files=parts(IMAGE))).status_code == 200
        assert (await client.post(URL, files=parts(IMAGE, b"no image"))).status_code == 200
        assert (await client.post(URL, files=parts(encoded(width=100)))).status_code == 413
        assert (await client.post(URL, files=parts(*[IMAGE] * 4))).status_code == 413
        assert (await client.post(URL, files=parts(b""))).status_code == 422
        assert (await client.get("/some/thing")).status_code == 404
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = set(answer.text.splitlines())
    assert lines >= {
        'ocr_requests_total{code="200",endpoint="/v1/ocr"} 3.0',
        'ocr_requests_total{code="413",endpoint="/v1/ocr"} 2.0',
        'ocr_requests_total{code="422",endpoint="/v1/ocr"} 1.0',
        'ocr_requests_total{code="404",endpoint="unmatched"} 1.0',
        'ocr_request_duration_seconds_count{kind="image",result="read"} 3.0',
        'ocr_request_duration_seconds_count{kind="image",result="refused"} 3.0',
        'ocr_images_total{result="read"} 3.0',
        'ocr_images_total{result="refused"} 3.0',
        'ocr_images_total{result="failed"} 0.0',
        "ocr_requests_in_progress 0.0",
        'ocr_requests_rejected_total{reason="too_large"} 2.0',
        "ocr_lines_per_image_count 3.0",
        "ocr_lines_per_image_sum 4.0",
        "ocr_line_confidence_count 4.0",
        'ocr_line_confidence_bucket{le="0.6"} 2.0',
        "ocr_empty_results_total 1.0",
        f'ocr_model_info{{backend="fake",digest="{DIGEST}",name="fake",provider="FakeProvider",version="1"}} 1.0',
    }
    for stage in ("queue", "decode", "det", "crop", "rec", "post"):
        assert f'ocr_stage_duration_seconds_count{{stage="{stage}"}} 3.0' in lines
    assert 'ocr_stage_duration_seconds_bucket{le="0.025",stage="det"} 3.0' in lines
    assert "process_resident_memory_bytes" in answer.text


@pytest.mark.anyio
async def test_requests_under_way_and_given_up_are_counted(serve: Serve, leap: Leap) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_concurrent_requests=1) as client:
        first = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        during = (await client.get("/metrics")).text
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 429
        leap(60)
        assert (await first).status_code == 504
        reader.release()
        after = (await client.get("/metrics")).text
    assert "ocr_requests_in_progress 1.0" in during
    assert "ocr_requests_in_progress 0.0" in after
    assert 'ocr_requests_rejected_total{reason="queue_full"} 1.0' in after
    assert 'ocr_requests_rejected_total{reason="deadline"} 1.0' in after


@pytest.mark.anyio
async def test_pages_that_fail_inside_a_good_answer_are_counted(serve: Serve) -> None:
    calls = iter([None, BackendError("no such kernel"), None])

    def page(pixels: np.ndarray, options: ReadOptions) -> Page:
        if error := next(calls):
            raise error
        return two_lines(pixels, options)

    async with serve(FakeReader(page), threads=1) as client:
        answer = await client.post(URL, files=parts(IMAGE, IMAGE, b"no image", IMAGE))
        lines = (await client.get("/metrics")).text.splitlines()
    assert answer.status_code == 200
    assert [line for line in lines if line.startswith("ocr_images_total")] == [
        'ocr_images_total{result="read"} 2.0',
        'ocr_images_total{result="refused"} 1.0',
        'ocr_images_total{result="late"} 0.0',
        'ocr_images_total{result="failed"} 1.0',
    ]


@pytest.mark.anyio
async def test_what_is_refused_is_timed_apart(serve: Serve, leap: Leap) -> None:
    reader = FakeReader(held=True)
    async with serve(reader, max_concurrent_requests=1) as client:
        late = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
        assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
        assert [(await client.post(URL, files=parts(IMAGE))).status_code for _ in range(5)] == [429] * 5
        leap(60)
        assert (await late).status_code == 504
        reader.release()
        text = (await client.get("/metrics")).text
    found = re.findall(r'^ocr_request_duration_seconds_count\{kind="image",result="(\w+)"\} (\d+)', text, re.MULTILINE)
    assert found == [("read", "0"), ("refused", "5"), ("late", "1"), ("cancelled", "0"), ("failed", "0")]


@pytest.mark.anyio
async def test_documents_and_streams_are_timed_apart_from_images(serve: Serve) -> None:
    async with serve() as client:
        assert (await client.post(URL, files=parts(IMAGE))).status_code == 200
        assert (
            await client.post(URL, files=parts(IMAGE), headers={"accept": "application/x-ndjson"})
        ).status_code == 200
        assert (await client.post(URL, files=parts(pdfs.document(PAGES)))).status_code == 200
        assert (await client.post(URL, files=parts(b"%PDF-1.7 and no more"))).status_code == 422
        text = (await client.get("/metrics")).text
    found = re.findall(r"^ocr_request_duration_seconds_count\{(.*)\} ([1-9].*)", text, re.MULTILINE)
    assert dict(found) == {
        'kind="image",result="read"': "1.0",
        'kind="document",result="read"': "2.0",
        'kind="document",result="refused"': "1.0",
    }


@pytest.mark.anyio
async def test_requests_are_counted_for_each_key_that_is_known(serve: Serve) -> None:
    (till, till_key), (ops, ops_key) = new_key("till", ["read"]), new_key("ops", ["admin"])
    async with serve(api_keys=f"{till_key.line()};{ops_key.line()}", rate_limit=0.1, rate_limit_burst=2) as client:
        for secret in (till, till, till, ops, "unknown"):
            await client.post(URL, headers={"x-api-key": secret}, files=parts(IMAGE))
        lines = (await client.get("/metrics")).text.splitlines()
    assert {line for line in lines if line.startswith("ocr_key_requests_total")} == {
        'ocr_key_requests_total{code="200",key="till"} 2.0',
        'ocr_key_requests_total{code="429",key="till"} 1.0',
        'ocr_key_requests_total{code="403",key="ops"} 1.0',
    }


@pytest.mark.anyio
async def test_a_request_that_is_cancelled_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service.request")
    reader = FakeReader(held=True)
    app = create_app(Settings(model="fake", threads=2), engine_factory=lambda _: reader)
    async with app.router.lifespan_context(app):
        await app.state.context.serving.settled()
        async with client_of(app) as client:
            request = asyncio.create_task(client.post(URL, files=parts(IMAGE)))
            assert await asyncio.to_thread(reader.started.acquire, timeout=PATIENCE)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            reader.release()
            lines = set((await client.get("/metrics")).text.splitlines())
    assert lines >= {
        "ocr_requests_in_progress 0.0",
        'ocr_requests_total{code="499",endpoint="/v1/ocr"} 1.0',
        'ocr_requests_rejected_total{reason="cancelled"} 1.0',
        'ocr_request_duration_seconds_count{kind="image",result="cancelled"} 1.0',
    }
    (line,) = [record for record in caplog.records if record.name == "service.request" and record.levelname == "INFO"]
    assert (line.status, line.code, line.endpoint) == (499, "client_gone", URL)


@pytest.mark.anyio
async def test_an_admin_who_leaves_in_the_middle_of_a_body_is_counted_as_gone(serve: Serve) -> None:
    secret, key = new_key("ops", ["admin"])
    headers = [(b"x-api-key", secret.encode()), (b"content-type", b"application/json"), (b"content-length", b"100")]
    path = "/v1/models/fake/unload"
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    messages = iter([{"type": "http.request", "body": b'{"ver', "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict:
        return next(messages)

    async def send(_: dict) -> None:
        pass

    async with serve(api_keys=key.line()) as client:
        await client._transport.app(scope, receive, send)
        lines = (await client.get("/metrics")).text.splitlines()
    assert 'ocr_requests_total{code="499",endpoint="/v1/models/{name}/unload"} 1.0' in lines


def test_every_application_has_metrics_of_its_own() -> None:
    registry = CollectorRegistry()
    first = create_app(Settings(), registry=registry).state.context.metrics
    second = create_app(Settings()).state.context.metrics
    first.empty.inc()
    assert first.registry is registry
    assert registry.get_sample_value("ocr_empty_results_total") == 1
    assert second.registry.get_sample_value("ocr_empty_results_total") == 0


WORKER = """
import sys
from service.observe.metrics import Metrics
metrics = Metrics()
metrics.requests.labels("/v1/ocr", "200").inc()
metrics.in_progress.inc()
metrics.queue_size.labels("rec").inc(5)
metrics.queue_size.labels("rec").dec(2)
metrics.batch_size.labels("rec").observe(4)
metrics.show_model("fake", "1", "ab", "fake", "fake")
metrics.show_model("fake", "0", "cd", "fake", "fake")
metrics.hide_model("fake", "0", "cd", "fake", "fake")
if sys.argv[1] == "scrape":
    print(metrics.expose("")[0].decode())
elif sys.argv[1] == "stop":
    metrics.close()
"""


def test_several_workers_answer_for_all(tmp_path: Path) -> None:
    for end in ("killed", "stop", "scrape"):
        done = subprocess.run(
            [sys.executable, "-c", WORKER, end],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    lines = done.stdout.splitlines()
    assert 'ocr_requests_total{code="200",endpoint="/v1/ocr"} 3.0' in lines
    assert "ocr_requests_in_progress 2.0" in lines  # the one that stopped took its own away
    assert 'ocr_queue_size{stage="rec"} 6.0' in lines
    assert 'ocr_batch_size_sum{stage="rec"} 12.0' in lines
    assert 'ocr_model_info{backend="fake",digest="ab",name="fake",provider="fake",version="1"} 1.0' in lines
    assert 'ocr_model_info{backend="fake",digest="cd",name="fake",provider="fake",version="0"} 0.0' in lines
    assert not any(line.startswith("process_") for line in lines)
