"""Where outputs go: a local folder, or a store behind fsspec. What is written there is whole or is not there."""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import shutil
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from ocr_core.errors import ImageError
from service.bulk.errors import BulkError, StoppedError
from service.bulk.items import is_url, local_path, open_store

log = logging.getLogger(__name__)

OWN = "_ocr"
"""Folder for manifests and what is not finished, below the outputs."""
IN_MEMORY = 16 << 20
"""Outputs for a store that are larger wait in a temporary file."""
WHOLE_WRITES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"})
"""Protocols of object stores: what is put there is seen once it is whole. On others files are renamed."""
_OF_THE_NAME = frozenset({errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.EINVAL, errno.EEXIST})
"""Errors that a file's name is to blame for; all others are the destination's."""


class NameRefusedError(ImageError):
    """A file whose outputs cannot be written under its name."""

    code = "name_refused"


class Destination(ABC):
    """A folder or bucket. Paths in it are relative, with slashes."""

    def __init__(self, place: str) -> None:
        self.place = place

    @abstractmethod
    def writing(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """Return a context that gives a file, open for writing; it takes its place when the context is left well.

        Raises:
            NameRefusedError: nothing can be called so here.
            StoppedError: nothing can be written here.
        """

    @abstractmethod
    def read(self, path: str) -> bytes | None:
        """Return what is in a file; None if there is none.

        Raises:
            StoppedError: it cannot be read.
        """

    def lines(self, path: str) -> Iterator[bytes]:
        """Yield the lines of a file, with their line feeds; none if there is no such file.

        Raises:
            StoppedError: it cannot be read.
        """
        yield from io.BytesIO(self.read(path) or b"")

    @abstractmethod
    def has(self, path: str, size: int) -> bool:
        """Say whether there is a file of so many bytes, as far as that costs nothing to find out."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted; none if there is no such folder."""

    @abstractmethod
    def held(self) -> AbstractContextManager[None]:
        """Keep others from writing the same shard meanwhile.

        Raises:
            BulkError: another run is writing it, or this is no folder.
            StoppedError: nothing can be written here.
        """

    def write(self, path: str, content: bytes) -> None:
        """Put a file into its place."""
        with self.writing(path) as file:
            file.write(content)


def open_destination(place: str, shard: str) -> Destination:
    """Return the destination at a local path or a URL. Nothing is made by opening it.

    Args:
        place: where it is.
        shard: name of the shard that is written; only one run at a time writes it.
    """
    return StoreDestination(place, shard) if is_url(place) else LocalDestination(place, shard)


class LocalDestination(Destination):
    """A local folder. Files are written in a folder of their own on the same file system, then renamed."""

    def __init__(self, place: str, shard: str) -> None:
        super().__init__(place)
        self.root = local_path(place)
        self._unfinished = self.root / OWN / f"unfinished-{shard}"
        self._lock = self.root / OWN / f"{shard}.lock"

    @contextmanager
    def writing(self, path: str) -> Iterator[IO[bytes]]:
        """As `Destination.writing` tells."""
        target = self.path(path)
        aside = self._unfinished / uuid.uuid4().hex
        try:
            self._unfinished.mkdir(parents=True, exist_ok=True)
            with aside.open("xb") as file:
                yield file
            self._place(aside, target, path)
        except OSError as error:
            raise StoppedError(f"{self.place} cannot be written to: {error.strerror}") from error
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)

    def _place(self, aside: Path, target: Path, path: str) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(target)
        except OSError as error:
            if error.errno in _OF_THE_NAME:
                raise NameRefusedError(f"nothing can be written as {path!r}: {error.strerror}") from error
            raise

    def read(self, path: str) -> bytes | None:
        """As `Destination.read` tells."""
        with self._reading(path) as file:
            return None if file is None else file.read()

    def lines(self, path: str) -> Iterator[bytes]:
        """As `Destination.lines` tells; one line is in memory at a time."""
        with self._reading(path) as file:
            yield from file or ()

    @contextmanager
    def _reading(self, path: str) -> Iterator[IO[bytes] | None]:
        try:
            with self.path(path).open("rb") as file:
                yield file
        except (FileNotFoundError, NotADirectoryError):
            yield None
        except OSError as error:
            raise StoppedError(f"{self.place} cannot be read: {path}: {error.strerror}") from error

    def has(self, path: str, size: int) -> bool:
        """As `Destination.has` tells."""
        try:
            return self.path(path).stat().st_size == size
        except (OSError, NameRefusedError):
            return False

    def remove(self, path: str) -> None:
        """As `Destination.remove` tells."""
        with suppress(OSError, NameRefusedError):
            self.path(path).unlink()

    def names(self, folder: str) -> list[str]:
        """As `Destination.names` tells."""
        try:
            return sorted(path.name for path in self.path(folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoppedError(f"{self.place} cannot be read: {folder}: {error.strerror}") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """As `Destination.held` tells. What killed runs have left unfinished goes."""
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            file = self._lock.open("ab")
        except OSError as error:
            kind = BulkError if error.errno in _OF_THE_NAME else StoppedError  # a full disk may have room later
            raise kind(f"{self.place} cannot be written to: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BulkError(f"another run is writing the same shard into {self.place}") from None
            except OSError as error:
                log.warning("%s has no locks: never run the same shard twice at once (%s)", self.place, error.strerror)
            try:
                shutil.rmtree(self._unfinished, ignore_errors=True)
                yield
            finally:
                shutil.rmtree(self._unfinished, ignore_errors=True)

    def path(self, path: str) -> Path:
        """Return where a file lies.

        Raises:
            NameRefusedError: it would not lie below the folder.
        """
        if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise NameRefusedError(f"nothing can be called {path!r} in a folder")
        return self.root / path


class StoreDestination(Destination):
    """A store behind fsspec."""

    def __init__(self, place: str, shard: str) -> None:
        super().__init__(place)
        self._fs, self._root = open_store(place)
        self._unfinished = f"{self._root}/{OWN}/unfinished-{shard}"
        protocol = self._fs.protocol
        self._whole = not WHOLE_WRITES.isdisjoint([protocol] if isinstance(protocol, str) else protocol)

    @contextmanager
    def writing(self, path: str) -> Iterator[IO[bytes]]:
        """As `Destination.writing` tells."""
        with cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY)) as file:
            yield file
            length = file.tell()
            file.seek(0)
            with self._talking():
                self._put(f"{self._root}/{path}", file, length)

    def _put(self, target: str, file: IO[bytes], length: int) -> None:
        if self._whole:
            self._send(target, file, length)
            return
        aside = f"{self._unfinished}/{uuid.uuid4().hex}"
        self._fs.makedirs(self._unfinished, exist_ok=True)
        self._send(aside, file, length)
        self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._fs.mv(aside, target)

    def _send(self, path: str, file: IO[bytes], length: int) -> None:
        if length <= IN_MEMORY:
            self._fs.pipe_file(path, file.read())
            return
        with self._fs.open(path, "wb") as remote:
            shutil.copyfileobj(file, remote, 1 << 20)

    def read(self, path: str) -> bytes | None:
        """As `Destination.read` tells."""
        with self._talking():
            try:
                return cast("bytes", self._fs.cat_file(f"{self._root}/{path}"))
            except FileNotFoundError:
                return None

    def has(self, path: str, size: int) -> bool:  # noqa: ARG002
        """Say yes: to ask for each file would take longer than to read some of them."""
        return True

    def remove(self, path: str) -> None:
        """As `Destination.remove` tells."""
        with self._talking(), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

    def names(self, folder: str) -> list[str]:
        """As `Destination.names` tells."""
        with self._talking():
            self._fs.invalidate_cache()
            try:
                paths = self._fs.ls(f"{self._root}/{folder}", detail=False)
            except FileNotFoundError:
                return []
        return sorted(path.rpartition("/")[2] for path in paths)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep nobody out: stores have no locks, and two runs of one shard do the same work twice, no harm beyond."""
        yield

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each file system has errors of its own
            raise StoppedError(f"{self.place} cannot be reached: {type(error).__name__}: {error}") from error
