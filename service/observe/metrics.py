"""Prometheus metrics. Base units, no unbounded label, a registry of its own for each application.

With `PROMETHEUS_MULTIPROC_DIR` set before the process starts, several workers share their figures through files there
and any of them answers for all; `process_*` is left out then, since it could only speak of the worker that answers.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, multiprocess
from prometheus_client.exposition import choose_encoder

from ocr_core.cgroup import memory_limit, total_memory
from ocr_core.pipeline.result import Page

READ_ENDPOINT = "/v1/ocr"
LITEPARSE_ENDPOINT = "/ocr"
OPEN_WEBUI_ENDPOINT = "/process"
JOBS_ENDPOINT = "/v1/jobs"
READ_ENDPOINTS = frozenset({READ_ENDPOINT, LITEPARSE_ENDPOINT, OPEN_WEBUI_ENDPOINT})
"""Paths that take files, by POST or PUT."""

Result = Literal["read", "refused", "late", "cancelled", "failed"]
"""What became of a request or of an image. Only the time of `read` and `late` tells how fast the service is."""

Kind = Literal["image", "document"]
"""What was read: images each have a deadline, documents and what is streamed take as long as their pages."""

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
STAGE_BUCKETS = (0.0005, 0.001, 0.0025, *REQUEST_BUCKETS)
LINES_BUCKETS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)
CONFIDENCE_BUCKETS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1)


def _multiprocess() -> bool:
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


class Metrics:
    """Every metric of the service, in `registry`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._loaded: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()
        self._of_requests(self.registry)
        self._of_pages(self.registry)
        self._of_models(self.registry)
        self._of_jobs(self.registry)
        self._of_process(self.registry)

    # What is born with 1 never increases: counters whose labels are known begin with all of them.

    def _of_requests(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "ocr_requests",
            "Requests, by the status of the answer; 499 where the client left.",
            ["endpoint", "code"],
            registry=registry,
        )
        self.duration = Histogram(
            "ocr_request_duration_seconds",
            "From first to last byte of a read, by what became of it; `document` is what is read page by page.",
            ["kind", "result"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.stage = Histogram(
            "ocr_stage_duration_seconds",
            "Time of one image in a stage.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "ocr_batch_size",
            "Inputs computed together in a stage.",
            ["stage"],
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.queue_size = Gauge(
            "ocr_queue_size",
            "Images that wait to be decoded, and network inputs that wait in a stage.",
            ["stage"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.in_progress = Gauge(
            "ocr_requests_in_progress", "Reads under way.", multiprocess_mode="livesum", registry=registry
        )
        self.rejected = Counter("ocr_requests_rejected", "Reads refused or given up.", ["reason"], registry=registry)
        self.images = Counter(
            "ocr_images",
            "Images of the reads that were answered, by what became of each.",
            ["result"],
            registry=registry,
        )
        self.key_requests = Counter(
            "ocr_key_requests",
            "Requests with each API key, by the status of the answer.",
            ["key", "code"],
            registry=registry,
        )
        for result in get_args(Result):
            for kind in get_args(Kind):
                self.duration.labels(kind, result)
            if result != "cancelled":  # whoever left gets no answer, for any image
                self.images.labels(result)

    def _of_pages(self, registry: CollectorRegistry) -> None:
        self.lines = Histogram(
            "ocr_lines_per_image", "Lines found in an image.", buckets=LINES_BUCKETS, registry=registry
        )
        self.confidence = Histogram(
            "ocr_line_confidence", "Confidence of the lines sent.", buckets=CONFIDENCE_BUCKETS, registry=registry
        )
        self.empty = Counter("ocr_empty_results", "Images in which no text was found.", registry=registry)

    def _of_models(self, registry: CollectorRegistry) -> None:
        self.model_info = Gauge(
            "ocr_model_info",
            "1 for each model that is loaded.",
            ["name", "version", "digest", "backend", "provider"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.model_reload = Counter(
            "ocr_model_reload",
            "Versions that were to be taken up, by what became of it.",
            ["result"],
            registry=registry,
        )

    def _of_jobs(self, registry: CollectorRegistry) -> None:
        self.jobs = Gauge(
            "ocr_jobs",
            "Jobs that are queued or running, of all replicas of one store.",
            ["state"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.job_wait = Gauge(
            "ocr_job_wait_seconds",
            "Age of the oldest job that is queued.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.jobs_ended = Counter("ocr_jobs_ended", "Jobs that ended here.", ["state"], registry=registry)
        self.job_pages = Counter(
            "ocr_job_pages", "Pages of jobs, by what became of each.", ["result"], registry=registry
        )
        self.jobs_taken_over = Counter(
            "ocr_jobs_taken_over", "Jobs that went on here since their worker had died.", registry=registry
        )
        self.job_store_errors = Counter(
            "ocr_job_store_errors", "Calls of the store of jobs that failed.", registry=registry
        )
        self.job_callbacks = Counter(
            "ocr_job_callbacks", "Calls of clients whose jobs have ended.", ["result"], registry=registry
        )
        for waiting in ("queued", "running"):  # nobody counts before there is a store, with its first job
            self.jobs.labels(waiting)
        for called in ("delivered", "retried", "given_up"):
            self.job_callbacks.labels(called)
        for state in ("succeeded", "failed", "cancelled"):
            self.jobs_ended.labels(state)
        for page in ("read", "failed"):
            self.job_pages.labels(page)

    def _of_process(self, registry: CollectorRegistry) -> None:
        self.memory_limit = Gauge(
            "ocr_memory_limit_bytes",
            "Memory that the process may take: its container's limit, or what the machine has.",
            multiprocess_mode="livemax",
            registry=registry,
        )
        bounds = (memory_limit(), total_memory())
        self.memory_limit.set(min((bound for bound in bounds if bound is not None), default=math.inf))
        if not _multiprocess():
            ProcessCollector(registry=registry)

    def show_model(self, *labels: str) -> None:
        """Add a loaded model: its name, version and digest, its backend and provider."""
        with self._lock:
            # One that is loaded again may still be in use from before: the same labels then stand for both.
            self._loaded[labels] = self._loaded.get(labels, 0) + 1
            self.model_info.labels(*labels).set(1)

    def hide_model(self, *labels: str) -> None:
        """Take away a model that is no longer loaded; several workers can only set it to 0."""
        with self._lock:
            others = self._loaded.pop(labels, 1) - 1
            if others > 0:
                self._loaded[labels] = others
            elif _multiprocess():
                self.model_info.labels(*labels).set(0)
            else:
                self.model_info.remove(*labels)

    def observe_page(self, page: Page, seconds: Mapping[str, float]) -> None:
        """Count an image that was read, and the seconds that it spent in each stage."""
        for stage, value in seconds.items():
            self.stage.labels(stage).observe(value)
        self.lines.observe(len(page.lines))
        for line in page.lines:
            self.confidence.observe(line.confidence)
        if not page.lines:
            self.empty.inc()

    def expose(self, accept: str) -> tuple[bytes, str]:
        """Return what a scrape gets, and its content type."""
        registry = self.registry
        if _multiprocess():
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def close(self) -> None:
        """Take this worker's gauges out of what the others report."""
        if _multiprocess():
            multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
