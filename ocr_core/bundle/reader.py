"""Reading a bundle: a folder that is what its manifest says, or an error that says what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ocr_core.bundle.manifest import SCHEMA_VERSION, Manifest
from ocr_core.errors import BundleCorruptError, BundleNotFoundError, BundleSchemaError
from ocr_core.specs import MANIFEST_FILE, File

_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle in a local folder. Nothing in the folder changes once it is there."""

    path: Path
    manifest: Manifest
    digest: str
    """sha256 of manifest.json. The manifest holds the sha256 of all else, so this names the bundle's whole content."""

    @property
    def ref(self) -> str:
        """`name@version`, as stores and requests take it."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def file(self, file: File) -> Path:
        """Return the path of one file of the manifest."""
        return self.path / file.file


def read_bundle(folder: Path, *, verify: bool = True) -> Bundle:
    """Read the bundle in `folder`.

    Args:
        folder: where manifest.json lies.
        verify: compare the sha256 of every file. Presence, size and place are looked at in any case.

    Raises:
        BundleNotFoundError: there is no such folder.
        BundleSchemaError: the manifest has another schema, or fields that this release does not know.
        BundleCorruptError: the manifest is missing or damaged, or a file is not what the manifest says.
    """
    if not folder.is_dir():
        raise BundleNotFoundError(f"{folder}: no such folder")
    try:
        content = (folder / MANIFEST_FILE).read_bytes()
    except FileNotFoundError:
        raise BundleCorruptError(
            f"{folder}: no {MANIFEST_FILE}; this is no bundle, or one that was never finished. Publish it again."
        ) from None
    manifest = parse_manifest(content, where=str(folder))
    for file in manifest.files():
        check_file(folder, file, verify=verify)
    return Bundle(path=folder, manifest=manifest, digest=hashlib.sha256(content).hexdigest())


def parse_manifest(content: bytes, *, where: str) -> Manifest:
    """Return the manifest that is written in `content`; `where` names its bundle in messages.

    Raises:
        BundleSchemaError: another schema, or fields that this release does not know.
        BundleCorruptError: not a whole JSON object.
    """
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise BundleCorruptError(f"{where}: {MANIFEST_FILE} is damaged ({error}). Publish the bundle again.") from error
    if not isinstance(fields, dict):
        raise BundleCorruptError(f"{where}: {MANIFEST_FILE} is no JSON object. Publish the bundle again.")
    schema = fields.get("schema_version")
    if schema != SCHEMA_VERSION:
        raise BundleSchemaError(
            f"{where}: {MANIFEST_FILE} follows schema {schema!r}, and this release reads schema {SCHEMA_VERSION}. "
            "Install the release that the bundle was written for, or publish the bundle again with this one."
        )
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        raise BundleSchemaError(
            f"{where}: {MANIFEST_FILE} does not follow schema {SCHEMA_VERSION}: {summary(error)}. "
            "Install the release that the bundle was written for, or publish the bundle again with this one."
        ) from error


def check_file(folder: Path, file: File, *, verify: bool = True) -> None:
    """Raise BundleCorruptError unless `folder` holds `file` with the size and, if `verify`, the sha256 it must have."""
    path = folder / file.file
    # Symbolic links are fine within the bundle (Kubernetes mounts volumes that way), and nowhere else.
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BundleCorruptError(f"{path}: leads out of the bundle, to {path.resolve()}. Put the file itself there.")
    if not path.is_file():
        raise BundleCorruptError(f"{path}: missing. Publish the bundle again.")
    size = path.stat().st_size
    if size != file.bytes:
        raise BundleCorruptError(f"{path}: has {size} bytes and should have {file.bytes}. Publish the bundle again.")
    if verify and sha256_of(path) != file.sha256:
        raise BundleCorruptError(f"{path}: its sha256 is not the one in the manifest. Publish the bundle again.")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def summary(error: ValidationError) -> str:
    """Return the first problems that pydantic found, in one line."""
    problems = [f"{'.'.join(map(str, e['loc'])) or 'manifest'}: {e['msg']}" for e in error.errors()]
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return "; ".join(problems[:3]) + more
