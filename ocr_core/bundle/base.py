"""What all stores do alike: naming, finding, refusing.

<store>/<name>/<version>/manifest.json, and the files it names
<store>/<name>/current                  a text file that holds a version
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from ocr_core.bundle.manifest import Name, Version
from ocr_core.bundle.reader import Bundle, read_bundle
from ocr_core.errors import BundleCorruptError, BundleExistsError, BundleNotFoundError
from ocr_core.specs import CURRENT_FILE

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_VERSION: TypeAdapter[str] = TypeAdapter(Version)
_SHOWN = 10
_IMPORTED = "ppocrv6"
"""What documentation calls the bundle that each makes for himself."""


class Entry(NamedTuple):
    """One bundle of a store."""

    name: str
    version: str
    current: bool


class Store(ABC):
    """Named bundles in versions. Safe for several processes; readers see whole bundles only."""

    def __init__(self, url: str) -> None:
        self.url = url

    def list(self) -> tuple[Entry, ...]:
        """Return every complete bundle, by name and version."""
        found = sorted(self._complete())
        pointers = {name: self._pointer(name) for name in {name for name, _ in found}}
        return tuple(Entry(name, version, pointers[name] == version) for name, version in found)

    def versions(self, name: str) -> tuple[str, ...]:
        """Return the complete versions of `name` in ascending order, none if there is no such bundle."""
        self._check(name)
        return tuple(sorted(version for _, version in self._complete(name)))

    def current(self, name: str) -> str:
        """Return the current version of `name`.

        Raises:
            BundleNotFoundError: there is no such bundle, or none of its versions is current.
            BundleCorruptError: the pointer holds something else than a version.
        """
        self._check(name)
        version = self._pointer(name)
        if version is None:
            raise self._not_found(name)
        return version

    def open(self, ref: str) -> Bundle:
        """Return the bundle `name` (its current version) or `name@version` in a local folder, all of it verified.

        Raises:
            BundleNotFoundError: there is no such bundle; the message lists what there is.
            BundleError: it cannot be read, see `read_bundle`.
        """
        name, _, version = ref.partition("@")
        self._check(name, version if "@" in ref else None)
        version = version or self.current(name)
        bundle = self._fetch(name, version)
        if bundle is None:
            raise self._not_found(name, version)
        _check_identity(bundle, name, version)
        return bundle

    def publish(self, bundle: Bundle, *, make_current: bool = True) -> None:
        """Copy a bundle into the store under the name and version of its manifest.

        Raises:
            BundleExistsError: the store has that version.
            BundleCorruptError: the bundle was changed since it was written.
        """
        read_bundle(bundle.path)
        name, version = bundle.manifest.name, bundle.manifest.version
        if version in self.versions(name):
            raise BundleExistsError(f"{self.url} has {bundle.ref} already, and bundles are never overwritten.")
        self._add(bundle)
        if make_current:
            self._point(name, version)

    def use(self, name: str, version: str) -> None:
        """Make `version` the current one of `name`, once it was read and verified. Errors are those of `open`."""
        self.open(f"{name}@{version}")
        self._point(name, version)

    @abstractmethod
    def _exists(self) -> bool:
        """Tell whether anything is there."""

    @abstractmethod
    def _complete(self, name: str | None = None) -> Iterable[tuple[str, str]]:
        """Give name and version of every bundle, or of those called `name`, that has a manifest."""

    @abstractmethod
    def _fetch(self, name: str, version: str) -> Bundle | None:
        """Return a verified bundle in a local folder, None where there is none."""

    @abstractmethod
    def _add(self, bundle: Bundle) -> None:
        """Put a bundle into the store."""

    @abstractmethod
    def _point(self, name: str, version: str) -> None:
        """Replace the `current` file of `name` in one step."""

    @abstractmethod
    def _read_pointer(self, name: str) -> bytes | None:
        """Return the content of the `current` file of `name`."""

    def _pointer(self, name: str) -> str | None:
        content = self._read_pointer(name)
        if content is None:
            return None
        version = content.decode(errors="replace").strip()
        if not _valid(_VERSION, version):
            raise BundleCorruptError(
                f"{self.url}: {name}/{CURRENT_FILE} holds {version!r}, which is no version. "
                f"Choose one with `ocr models use {name}@VERSION`."
            )
        return version

    def _check(self, name: str, version: str | None = None) -> None:
        if not _valid(_NAME, name) or (version is not None and not _valid(_VERSION, version)):
            ref = name if version is None else f"{name}@{version}"
            raise BundleNotFoundError(f"{ref!r} is not the name of a bundle: write name or name@version. {self._has()}")

    def _not_found(self, name: str, version: str | None = None) -> BundleNotFoundError:
        versions = self.versions(name)
        if not versions:
            make = f" `ocr models import {name}` makes it." if name == _IMPORTED else ""
            return BundleNotFoundError(f"no bundle {name!r} in {self.url}. {self._has()}{make}")
        shown = ", ".join(versions[-_SHOWN:])
        if version is None:
            return BundleNotFoundError(
                f"no version of {name!r} in {self.url} is current. It has {shown}: "
                f"choose one with `ocr models use {name}@VERSION`."
            )
        return BundleNotFoundError(f"no version {version!r} of {name!r} in {self.url}. It has {shown}.")

    def _has(self) -> str:
        names = sorted({name for name, _ in self._complete()})
        if not names:
            state = "is empty" if self._exists() else "does not exist"
            return f"{self.url} {state}: make a bundle with `ocr models import`."
        return f"{self.url} has {', '.join(names)}."


def is_ref(name: str, version: str) -> bool:
    """Tell whether a bundle may be called so. What else lies in a store is none of ours."""
    return _valid(_NAME, name) and _valid(_VERSION, version)


def _check_identity(bundle: Bundle, name: str, version: str) -> None:
    if bundle.ref != f"{name}@{version}":
        raise BundleCorruptError(
            f"{bundle.path} calls itself {bundle.ref} and lies where {name}@{version} should. Publish it again."
        )


def _valid(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True
