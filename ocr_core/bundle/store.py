"""Opening a store by its address, and the store in a local folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from ocr_core.bundle.base import Store, is_ref
from ocr_core.bundle.reader import Bundle, read_bundle
from ocr_core.bundle.remote import RemoteStore, default_cache
from ocr_core.bundle.writer import copy_bundle, replace_file
from ocr_core.errors import BundleError
from ocr_core.specs import CURRENT_FILE, MANIFEST_FILE


def open_store(url: str | Path, *, cache: Path | None = None) -> Store:
    """Return the store at `url`. Nothing is written or created by opening it.

    Args:
        url: a local folder, or an address that fsspec understands, such as `s3://bucket/models`. Credentials and
            endpoints come from where the file system looks for them (for S3: `AWS_*` in the environment).
        cache: where bundles of a remote store are kept, by default `$XDG_CACHE_HOME/ocr/bundles`.

    Raises:
        BundleError: the address has a protocol that is unknown or not installed.
    """
    try:
        fs, root = fsspec.core.url_to_fs(str(url))
    except ValueError as error:
        raise BundleError(
            f"{url}: {error}. A store is a local folder or an address like s3://bucket/models."
        ) from error
    except ImportError as error:
        raise BundleError(f"{url}: {error}. For s3:// install the extra `s3`.") from error
    if isinstance(fs, LocalFileSystem):
        return LocalStore(Path(root))
    return RemoteStore(fs, root, url=str(url), cache=cache or default_cache())


class LocalStore(Store):
    """A store in a local folder. Reading it writes nothing, so it may be read-only."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.root = root

    def _complete(self, name: str | None = None) -> Iterable[tuple[str, str]]:
        for manifest in self.root.glob(f"{name or '*'}/*/{MANIFEST_FILE}"):
            found = manifest.parent.parent.name, manifest.parent.name
            if is_ref(*found):
                yield found

    def _fetch(self, name: str, version: str) -> Bundle | None:
        folder = self.root / name / version
        return read_bundle(folder) if folder.is_dir() else None

    def _add(self, bundle: Bundle) -> None:
        copy_bundle(bundle, self.root / bundle.manifest.name / bundle.manifest.version)

    def _point(self, name: str, version: str) -> None:
        replace_file(self.root / name / CURRENT_FILE, f"{version}\n".encode())

    def _read_pointer(self, name: str) -> bytes | None:
        try:
            return (self.root / name / CURRENT_FILE).read_bytes()
        except FileNotFoundError:
            return None
