"""Probes, the version, and the metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ocr_core.version import program_version
from service.engine.serving import State
from service.http.context import ContextDep
from service.http.openapi import problems
from service.http.schemas import Health, Model, Runtime, Version

router = APIRouter(tags=["health"])


@router.get("/livez", responses=problems(503), summary="Whether the process is worth keeping")
@router.get("/v2/health/live", responses=problems(503), include_in_schema=False)
async def live(context: ContextDep) -> Health:
    """Green while the model loads and under any load; red once it could not be loaded, or is stuck or dead."""
    context.serving.require_alive()
    return Health()


@router.get("/readyz", responses=problems(503), summary="Whether requests will be served")
@router.get("/v2/health/ready", responses=problems(503), include_in_schema=False)
async def ready(context: ContextDep) -> Health:
    """Green from when the model is loaded and warmed until the service is told to stop, while the engine computes."""
    context.serving.require_ready()
    context.serving.require_alive()
    return Health()


@router.get("/version", summary="What runs here")
async def version(context: ContextDep) -> Version:
    """Return the version of the program, its model and its runtime."""
    serving = context.serving
    if serving.state is not State.READY:
        return Version(version=program_version(), model=None, runtime=None)
    model = serving.models.default
    backend = model.reader.backend
    return Version(
        version=program_version(),
        model=Model.of(model.bundle),
        runtime=Runtime(
            backend=backend.name,
            provider=backend.provider,
            streams=backend.policy.streams,
            threads=backend.policy.threads,
        ),
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response, include_in_schema=False)
def metrics(context: ContextDep, request: Request) -> Response:
    """Return the metrics in the text format that the scraper asks for. Blocks on files with several workers."""
    body, content_type = context.metrics.expose(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)
