"""Writing a bundle: aside, in full, and only then under its own name.

A reader sees a whole bundle or none. What was written once is never changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from ocr_core.bundle.manifest import Golden, Manifest, Models, Origin, Score
from ocr_core.bundle.reader import Bundle, read_bundle, sha256_of
from ocr_core.errors import BundleExistsError
from ocr_core.specs import MANIFEST_FILE, File


def describe_file(path: Path) -> File:
    """Return what a manifest says of the file at `path`: its name without folders, its sha256, its size."""
    return File(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size)


def make_manifest(
    *,
    name: str,
    origin: Origin,
    models: Models,
    golden: Golden,
    scores: tuple[Score, ...] = (),
    version: str | None = None,
) -> Manifest:
    """Return a manifest of now.

    The default version is the time in UTC, so that versions sort, and a digest of the content, so that two writers of
    one second do not meet: `20261122T181500Z-1a2b3c4d`.
    """
    created = datetime.now(timezone.utc).replace(microsecond=0)
    if version is None:
        content = models.model_dump_json() + golden.model_dump_json()
        version = f"{created:%Y%m%dT%H%M%SZ}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    return Manifest(
        name=name, version=version, created=created, origin=origin, models=models, golden=golden, scores=scores
    )


def write_bundle(folder: Path, manifest: Manifest, files: Iterable[Path]) -> Bundle:
    """Write a new bundle into `folder`, which must not exist.

    Args:
        folder: where the bundle will lie; its parents are made.
        manifest: what the bundle says of itself.
        files: the files to copy, called as in the manifest.

    Raises:
        BundleExistsError: the folder is there already.
        BundleCorruptError: a file is not what the manifest says.
    """
    return _assemble(folder, (manifest.model_dump_json(indent=1) + "\n").encode(), files)


def copy_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """Copy a bundle, byte by byte, into the new `folder`. Errors are those of `write_bundle`."""
    content = (bundle.path / MANIFEST_FILE).read_bytes()
    return _assemble(folder, content, map(bundle.file, bundle.manifest.files()))


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: other processes see the old content or the new."""
    aside = aside_of(path)
    try:
        _write(aside, content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _sync_folder(path.parent)


def aside_of(path: Path) -> Path:
    """Return a hidden, unused sibling of `path`, in which to write what will take its name."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


def _assemble(folder: Path, content: bytes, files: Iterable[Path]) -> Bundle:
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_of(folder)
    aside.mkdir()
    try:
        for file in files:
            shutil.copyfile(file, aside / file.name)
            _sync(aside / file.name)
        _write(aside / MANIFEST_FILE, content)
        _sync_folder(aside)
        read_bundle(aside)
        _take_name(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return read_bundle(folder, verify=False)


def _take_name(aside: Path, folder: Path) -> None:
    # A rename onto a folder with content fails, so of two writers one wins and the other learns it.
    try:
        aside.rename(folder)
    except OSError as error:
        if folder.exists():
            raise BundleExistsError(
                f"{folder}: is there already, and bundles are never overwritten. Choose another version."
            ) from error
        raise
    _sync_folder(folder.parent)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle on folders to sync
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
