"""`trainer widths`: a bundle of the store with other input widths of its recognizer, and all else as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ocr_core.bundle.base import Store
from ocr_core.bundle.golden import check_golden
from ocr_core.bundle.manifest import Models
from ocr_core.bundle.reader import Bundle
from ocr_core.bundle.writer import make_manifest, write_bundle
from ocr_core.pipeline.golden import read_golden
from trainer.errors import ConfigError


def publish_widths(store: Store, ref: str, widths: Sequence[int]) -> Bundle:
    """Publish a new version of a bundle whose lines are padded to other widths; the scores stay those of its networks.

    Args:
        store: from which and to which.
        ref: name[@version].
        widths: pixels, ascending.

    Raises:
        ConfigError: no such widths can be.
        BundleCorruptError: the golden image reads otherwise with them.
    """
    source = store.open(ref)
    try:
        table = source.manifest.models.model_dump()
        table["recognizer"]["widths"] = tuple(widths)
        models = Models.model_validate(table)
    except ValidationError as error:
        raise ConfigError(f"widths: {error.errors()[0]['msg']}") from error
    manifest = make_manifest(
        name=source.manifest.name,
        origin=source.manifest.origin,
        models=models,
        golden=source.manifest.golden,
        scores=source.manifest.scores,
    )
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_bundle(Path(folder) / "bundle", manifest, map(source.file, source.manifest.files()))
        check_golden(bundle, lambda _: read_golden(bundle))
        store.publish(bundle)
    return store.open(bundle.ref)
