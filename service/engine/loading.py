"""From settings to a store and to an engine that is known to read."""

from __future__ import annotations

from ocr_core.bundle.base import Store
from ocr_core.bundle.store import open_store
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.loading import load_checked
from service.settings import Settings


def open_model_store(settings: Settings) -> Store:
    """Return the model store of `settings`."""
    return open_store(settings.model_store, cache=settings.cache_dir / "bundles")


def load_engine(settings: Settings) -> Engine:
    """Open the bundle, verify it, load it and let it read its golden sample; blocks for seconds.

    Raises:
        BundleError: there is no such bundle, or it is not what its manifest says.
        BackendError: the backend cannot be had, or cannot load the networks.
    """
    return load_checked(
        open_model_store(settings).open(settings.model),
        backend=settings.backend,
        threads=settings.threads,
        precision=settings.precision,
        cache_dir=settings.cache_dir / "compiled",
    )
