"""The models of this service."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import TypeAdapter

from service.engine.loading import open_model_store
from service.engine.models.loaded import Loaded
from service.engine.serving import State
from service.http.bodies import body_of
from service.http.context import Context, ContextDep
from service.http.openapi import problems
from service.http.routes.security import ADMIN, READER
from service.http.schemas import LoadOrder, ModelEntry, ModelList, Score

router = APIRouter(prefix="/v1", tags=["models"])

OrderBody = Annotated[LoadOrder | None, Depends(body_of(TypeAdapter(LoadOrder | None)))]
_ORDER = {"requestBody": {"content": {"application/json": {"schema": LoadOrder.model_json_schema()}}}}


@router.get(
    "/models",
    dependencies=[READER],
    responses=problems(401, 403, 429),
    summary="The models that are served, or will be",
)
async def list_models(context: ContextDep) -> ModelList:
    """Return their names, versions, digests, states and scores."""
    return _listed(context)


@router.post(
    "/models/{name}/load",
    dependencies=[ADMIN],
    openapi_extra=_ORDER,
    responses=problems(400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503),
    summary="Load a model, or a newer version of it",
)
async def load_model(name: str, context: ContextDep, order: OrderBody) -> ModelList:
    """Take up the current version of a name as the watcher would, or load one version for those who ask for it."""
    serving = context.serving
    serving.require_ready()
    if order is not None and order.version is not None:
        await serving.models.add(name, order.version)
    else:
        store = open_model_store(context.settings)
        await serving.models.take_up(name, await asyncio.to_thread(store.current, name))
    return _listed(context)


@router.post(
    "/models/{name}/unload",
    dependencies=[ADMIN],
    openapi_extra=_ORDER,
    responses=problems(400, 401, 403, 404, 408, 409, 413, 422, 429, 503),
    summary="Unload a model, or a version of it",
)
async def unload_model(name: str, context: ContextDep, order: OrderBody) -> ModelList:
    """Let requests under way finish and free its memory. The model that answers by default stays."""
    context.serving.require_ready()
    context.serving.models.remove(name, order.version if order else None)
    return _listed(context)


def _listed(context: Context) -> ModelList:
    serving = context.serving
    if serving.state is not State.READY:
        name, _, version = context.settings.model.partition("@")
        entry = ModelEntry(name=name, version=version or None, digest=None, state=serving.state.value, metrics=[])
        return ModelList(models=[entry])
    return ModelList(models=[_entry(model, state) for model, state in serving.models.states()])


def _entry(model: Loaded, state: str) -> ModelEntry:
    return ModelEntry(
        name=model.name,
        version=model.version,
        digest=model.bundle.digest,
        state=state,
        metrics=[Score(**score.model_dump()) for score in model.bundle.manifest.scores],
    )
