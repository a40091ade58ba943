"""Stores on object storage, through fsspec and a verified local cache.

Object stores cannot rename, so order does what a rename does locally: files first, each created and never overwritten;
then the manifest, which makes the bundle visible; then one PUT of `current`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fsspec import AbstractFileSystem

from ocr_core.bundle.base import Store, is_ref
from ocr_core.bundle.cache import enter, evict
from ocr_core.bundle.reader import Bundle, check_file, parse_manifest, read_bundle
from ocr_core.bundle.writer import replace_file
from ocr_core.errors import BundleCorruptError, BundleError, BundleExistsError, OcrError
from ocr_core.specs import CURRENT_FILE, MANIFEST_FILE, File


def default_cache() -> Path:
    """Return the folder in which bundles of remote stores are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "ocr" / "bundles"


class RemoteStore(Store):
    """A store behind an fsspec file system.

    The cache keeps a bundle under its version and the digest of its manifest, so for each file in it there is one right
    content. Whoever finds a file missing or damaged downloads it aside, verifies it and renames it into place; several
    processes that do so at once end with the same bytes, and none of them takes away what another is about to read.
    """

    def __init__(self, fs: AbstractFileSystem, root: str, *, url: str, cache: Path) -> None:
        super().__init__(url)
        self.cache = cache
        self._fs = fs
        self._root = root.rstrip("/")

    def _exists(self) -> bool:
        return True  # an address in an object store is as good without anything below it

    def _complete(self, name: str | None = None) -> Iterable[tuple[str, str]]:
        top = self._root if name is None else f"{self._root}/{name}"
        with self._talking():
            self._fs.invalidate_cache()
            paths = self._fs.find(top)
        for path in paths:
            parts = path.removeprefix(self._root).strip("/").split("/")
            if len(parts) == 3 and parts[2] == MANIFEST_FILE and is_ref(parts[0], parts[1]):
                yield parts[0], parts[1]

    def _fetch(self, name: str, version: str) -> Bundle | None:
        source = f"{self._root}/{name}/{version}"
        content = self._get(f"{source}/{MANIFEST_FILE}")
        if content is None:
            return None
        manifest = parse_manifest(content, where=f"{self.url}: {name}@{version}")
        folder = self.cache / name / f"{version}-{hashlib.sha256(content).hexdigest()[:16]}"
        enter(folder)
        for file in manifest.files():
            self._keep(folder, file, f"{source}/{file.file}")
        kept = folder / MANIFEST_FILE
        if not kept.exists() or kept.read_bytes() != content:
            replace_file(kept, content)
        bundle = read_bundle(folder, verify=False)
        evict(folder.parent)
        return bundle

    def _keep(self, folder: Path, file: File, source: str) -> None:
        try:
            check_file(folder, file)
        except BundleCorruptError:
            content = self._get(source)
            if content is None:
                raise BundleCorruptError(f"{self.url}: {source} is missing. Publish the bundle again.") from None
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise BundleCorruptError(
                    f"{self.url}: {source} has not the sha256 of its manifest. Publish the bundle again."
                ) from None
            replace_file(folder / file.file, content)

    def _add(self, bundle: Bundle) -> None:
        target = f"{self._root}/{bundle.manifest.name}/{bundle.manifest.version}"
        for name in (*(file.file for file in bundle.manifest.files()), MANIFEST_FILE):
            self._create(f"{target}/{name}", (bundle.path / name).read_bytes(), bundle.ref)

    def _create(self, path: str, content: bytes, ref: str) -> None:
        with self._talking():
            try:
                self._fs.pipe_file(path, content, mode="create")
            except FileExistsError:
                # Left by a publisher that was interrupted, or by one at work just now. The same bytes serve both.
                if self._get(path) != content:
                    raise BundleExistsError(
                        f"{self.url} has another {ref} already, perhaps a half published one: {path} differs. "
                        "Choose another version."
                    ) from None

    def _point(self, name: str, version: str) -> None:
        with self._talking():
            self._fs.pipe_file(f"{self._root}/{name}/{CURRENT_FILE}", f"{version}\n".encode())

    def _read_pointer(self, name: str) -> bytes | None:
        return self._get(f"{self._root}/{name}/{CURRENT_FILE}")

    def _get(self, path: str) -> bytes | None:
        with self._talking():
            try:
                content: bytes = self._fs.cat_file(path)
            except FileNotFoundError:
                return None
            return content

    @contextmanager
    def _talking(self) -> Iterator[None]:
        # Every file system has errors of its own (botocore's are not even OSErrors); callers know ours.
        try:
            yield
        except OcrError:
            raise
        except Exception as error:
            raise BundleError(
                f"{self.url} cannot be reached: {type(error).__name__}: {error}. "
                "Check the address, the credentials and the network."
            ) from error
