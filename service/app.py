"""The application: `create_app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ocr_core.version import program_version
from service.auth.access import Access
from service.auth.keyfile import followed_keys, load_keys
from service.auth.rates import RateLimit
from service.engine.loading import load_engine
from service.engine.models.registry import ReaderFactory
from service.engine.serving import OnFailure, Serving
from service.http.bodies import BodyMiddleware
from service.http.context import Context
from service.http.docs import install_docs
from service.http.middleware import DIGEST_HEADER, ID_HEADER, ExchangeMiddleware, HeadMiddleware
from service.http.openapi import install_openapi
from service.http.problems import describe, install_handlers
from service.http.routes import health, integrations, models, ocr, page
from service.http.routes import jobs as job_routes
from service.http.routes.jobs import STATE_HEADER
from service.jobs.jobs import Jobs
from service.observe.metrics import JOBS_ENDPOINT, READ_ENDPOINTS, Metrics
from service.observe.tracing import NoTracing, OpenTelemetry
from service.settings import Settings, load_settings

DESCRIPTION = (
    "Reads the text in images. Coordinates are pixels of the image as a person sees it: its EXIF orientation is "
    "applied before anything else, and sizes and polygons speak of the image after it."
)

EXPOSED_HEADERS = ("Location", "Retry-After", "Server-Timing", ID_HEADER, DIGEST_HEADER, STATE_HEADER)
"""What scripts of other web sites may read of an answer."""


def create_app(
    settings: Settings | None = None,
    *,
    engine_factory: ReaderFactory = load_engine,
    registry: CollectorRegistry | None = None,
    on_failure: OnFailure | None = None,
) -> FastAPI:
    """Return an application that loads its model once it is started and closes it when it is stopped.

    Args:
        settings: default those of the environment, so that `uvicorn --factory service.app:create_app` works.
        engine_factory: makes the engine; runs in a thread.
        registry: where the metrics go, default a fresh one.
        on_failure: called on the event loop with the error if the model cannot be loaded.
    """
    settings = settings or load_settings()
    metrics = Metrics(registry)
    serving = Serving(settings, engine_factory, metrics, on_failure)
    access = Access(load_keys(settings), RateLimit(settings.rate_limit, settings.rate_limit_burst))
    jobs = Jobs(settings, serving, metrics, describe) if settings.jobs else None
    tracing = OpenTelemetry() if settings.traces else NoTracing()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with followed_keys(settings, access):
            serving.start()
            if jobs is not None:
                jobs.start()
            yield
            if jobs is not None:
                await jobs.close()
            await serving.close()
        await asyncio.to_thread(tracing.close)
        metrics.close()

    app = FastAPI(
        title="OCR service",
        description=DESCRIPTION,
        version=program_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # What generated clients call their methods: the names of our functions, not of paths.
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.context = Context(
        settings=settings,
        metrics=metrics,
        serving=serving,
        access=access,
        jobs=jobs,
    )
    _install_middleware(app, settings, metrics, serving, tracing)
    _install_routes(app, settings)
    install_handlers(app)
    install_docs(app)
    install_openapi(app, needs_keys=bool(access.keys), max_files=settings.max_client_batch_size)
    return app


def _install_middleware(
    app: FastAPI, settings: Settings, metrics: Metrics, serving: Serving, tracing: OpenTelemetry | NoTracing
) -> None:
    """Add what every request passes, the innermost first."""
    limits = dict.fromkeys((*READ_ENDPOINTS, JOBS_ENDPOINT), settings.payload_limit)
    app.add_middleware(BodyMiddleware, limits=limits, idle=settings.upload_idle_seconds)
    app.add_middleware(ExchangeMiddleware, metrics=metrics, serving=serving, tracing=tracing)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(tracing.middleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))


def _install_routes(app: FastAPI, settings: Settings) -> None:
    chosen = [
        ocr,
        *([job_routes] if settings.jobs else []),
        integrations,
        models,
        health,
        *([page] if settings.page else []),
    ]
    for module in chosen:
        app.include_router(module.router)
