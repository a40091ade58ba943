"""From a bundle to an engine that is known to read."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from ocr_core.backends import BackendName, Precision
from ocr_core.bundle.golden import check_golden
from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline.engine import Engine

log = logging.getLogger(__name__)


def load_checked(
    bundle: Bundle,
    *,
    backend: BackendName = "auto",
    threads: int | None = None,
    precision: Precision = "auto",
    cache_dir: Path | None = None,
) -> Engine:
    """Load a bundle and let it read its golden sample; blocks for seconds. The arguments are those of `load_backend`.

    Raises:
        BundleCorruptError: it does not read its golden sample.
        BackendError: the backend cannot be had, or cannot load the networks.
    """
    cache = writable(cache_dir) if cache_dir else None
    engine = Engine.load(bundle, backend=backend, threads=threads, precision=precision, cache_dir=cache)
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
