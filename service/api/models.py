"""The models of this service."""

from __future__ import annotations

from fastapi import APIRouter

from service.context import ContextDep
from service.schemas import ModelEntry, ModelList, Score
from service.serving import State

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/models", summary="The model that is served, or will be")
async def models(context: ContextDep) -> ModelList:
    """Return its name, version, digest, state and scores."""
    serving = context.serving
    if serving.state is not State.READY:
        name, _, version = context.settings.model.partition("@")
        entry = ModelEntry(name=name, version=version or None, digest=None, state=serving.state.value, metrics=[])
        return ModelList(models=[entry])
    bundle = serving.reader.bundle
    entry = ModelEntry(
        name=bundle.manifest.name,
        version=bundle.manifest.version,
        digest=bundle.digest,
        state=serving.state.value,
        metrics=[Score(**score.model_dump()) for score in bundle.manifest.scores],
    )
    return ModelList(models=[entry])
