"""The files of jobs: what was uploaded and what was read, in a folder or below any fsspec URL.

A file is written once, under a name that nobody else uses, and counts only once the database knows of it: neither a
half of one nor one by a worker that had lost its job is ever seen. All of a job lies in a folder of its own.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from service.errors import JobFilesLostError, JobStoreError

log = logging.getLogger(__name__)


class JobFiles:
    """Blocks; safe from any thread. Every method raises JobStoreError while the store cannot be reached or is full."""

    def __init__(self, url: str) -> None:
        fs, root = url_to_fs(url)
        self._fs: AbstractFileSystem = fs
        self._root = root.rstrip("/")
        self._local = isinstance(fs, LocalFileSystem)

    def put_uploads(self, job: str, uploads: Sequence[bytes]) -> None:
        """Keep what was uploaded, safe from a loss of power where it is kept in a folder."""
        for index, data in enumerate(uploads):
            self._put(f"{job}/upload-{index}", data)

    def upload(self, job: str, index: int) -> bytes:
        """Return a file as it was uploaded.

        Raises:
            JobFilesLostError: it is gone.
        """
        return self._get(f"{job}/upload-{index}")

    def put_page(self, job: str, position: int, data: bytes) -> str:
        """Keep a page and return what it is called."""
        name = f"page-{position:06d}-{uuid.uuid4().hex[:8]}"
        self._put(f"{job}/{name}", data)
        return name

    def page(self, job: str, name: str) -> bytes:
        """Return what was kept.

        Raises:
            JobFilesLostError: it is gone.
        """
        return self._get(f"{job}/{name}")

    def remove(self, job: str) -> None:
        """Remove all that belongs to a job."""
        folder = f"{self._root}/{job}"
        with _talking():
            self._fs.invalidate_cache()
            while self._fs.exists(folder):
                with suppress(FileNotFoundError):  # of several who remove it at once, each finds it gone somewhere
                    self._fs.rm(folder, recursive=True)
                self._fs.invalidate_cache()

    def _put(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        with _talking():
            if not self._local:
                self._fs.pipe_file(path, data)
                return
            folder = Path(path).parent
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with Path(path).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _sync(folder)

    def _get(self, name: str) -> bytes:
        with _talking():
            try:
                data: bytes = self._fs.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                raise JobFilesLostError("a file of this job is no longer there") from None
        return data


def _sync(folder: Path) -> None:
    """Let the names in a folder outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _talking() -> Iterator[None]:
    try:
        yield
    except JobFilesLostError:
        raise
    except Exception as error:  # each file system has errors of its own
        log.warning("the files of jobs cannot be reached: %s", error)
        raise JobStoreError("the files of jobs cannot be reached") from error
