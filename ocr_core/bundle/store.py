"""Opening a store by its address; the store in a local folder, and the one that is used where none is named."""

from __future__ import annotations

import os
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

DEFAULT_MODEL = "ppocrv2-en"
"""The bundle that comes with this package, and that is read with where none is named."""


def open_store(url: str | Path | None = None, *, cache: Path | None = None) -> Store:
    """Return the store at `url`. Nothing is written or created by opening it.

    Args:
        url: a local folder, or an address that fsspec understands, such as `s3://bucket/models`. Credentials and
            endpoints come from where the file system looks for them (for S3: `AWS_*` in the environment). None is
            `./models`, and behind it what comes with this package.
        cache: where bundles of a remote store are kept, by default `$XDG_CACHE_HOME/ocr/bundles`.

    Raises:
        BundleError: the address has a protocol that is unknown or not installed.
    """
    if url is None:
        return _default_store()
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
    """A store in a local folder. Reading it writes nothing, so it may be read-only.

    Another one may stand behind it, which is read where the first has nothing and never written to.
    """

    def __init__(self, root: Path, behind: Path | None = None) -> None:
        super().__init__(_described(root, behind))
        self.root = root
        self._roots = (root,) if behind is None else (root, behind)

    def _exists(self) -> bool:
        return any(root.is_dir() for root in self._roots)

    def _complete(self, name: str | None = None) -> Iterable[tuple[str, str]]:
        manifests = (path for root in self._roots for path in root.glob(f"{name or '*'}/*/{MANIFEST_FILE}"))
        found = {(path.parent.parent.name, path.parent.name) for path in manifests}
        return {ref for ref in found if is_ref(*ref)}

    def _fetch(self, name: str, version: str) -> Bundle | None:
        folders = (root / name / version for root in self._roots)
        return next((read_bundle(folder) for folder in folders if folder.is_dir()), None)

    def _add(self, bundle: Bundle) -> None:
        copy_bundle(bundle, self.root / bundle.manifest.name / bundle.manifest.version)

    def _point(self, name: str, version: str) -> None:
        (self.root / name).mkdir(parents=True, exist_ok=True)
        replace_file(self.root / name / CURRENT_FILE, f"{version}\n".encode())

    def _read_pointer(self, name: str) -> bytes | None:
        found = (_content(root / name / CURRENT_FILE) for root in self._roots)
        return next((content for content in found if content is not None), None)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _described(root: Path, behind: Path | None) -> str:
    if behind is None:
        return str(root)
    return f"{root} and {behind}" if root.is_dir() else str(behind)


def shipped_models() -> Path | None:
    """Return the folder of the models that come with this package: in it where it was installed, beside it in a clone.

    None where there are none, as in images, which have theirs in a folder of its own.
    """
    package = Path(__file__).parents[1]
    if (inside := package / "models").is_dir():
        return inside
    beside = package.parent / "models"
    return beside if beside.is_dir() and (package.parent / "pyproject.toml").is_file() else None


def _default_store() -> LocalStore:
    here, shipped = Path("models").absolute(), shipped_models()
    # realpath: where links lead in a circle, resolve() raises.
    same = shipped is not None and os.path.realpath(shipped) == os.path.realpath(here)
    return LocalStore(here, None if same else shipped)
