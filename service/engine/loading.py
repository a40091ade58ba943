"""From settings to a store and to an engine that is known to read."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from ocr_core.bundle.base import Store
from ocr_core.bundle.golden import check_golden
from ocr_core.bundle.store import open_store
from ocr_core.pipeline.engine import Engine
from service.settings import Settings

log = logging.getLogger(__name__)


def open_model_store(settings: Settings) -> Store:
    """Return the model store of `settings`."""
    return open_store(settings.model_store, cache=settings.cache_dir / "bundles")


def load_engine(settings: Settings) -> Engine:
    """Open the bundle, verify it, load it and let it read its golden sample; blocks for seconds.

    Raises:
        BundleError: there is no such bundle, or it is not what its manifest says.
        BackendError: the backend cannot be had, or cannot load the networks.
    """
    bundle = open_model_store(settings).open(settings.model)
    cache = writable(settings.cache_dir / "compiled")
    engine = Engine.load(
        bundle, backend=settings.backend, threads=settings.threads, precision=settings.precision, cache_dir=cache
    )
    try:
        check_golden(bundle, lambda pixels: tuple(line.text for line in engine.read(pixels).lines))
    except BaseException:
        engine.close()
        raise
    return engine


def writable(folder: Path) -> Path | None:
    """Return `folder`, made if need be; None where nothing can be kept, as on a read-only file system."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        log.warning("compiled models are not kept, the next start will take longer: %s", error)
        return None
    return folder
