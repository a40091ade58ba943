"""What became of each file: one manifest a shard, a line an entry; of several lines of a file the last counts."""

from __future__ import annotations

import json
import logging
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Literal

from service.bulk.destination import OWN, Destination, LocalDestination
from service.bulk.errors import StoppedError
from service.bulk.items import Shard

log = logging.getLogger(__name__)

ENTRIES = 500
"""Entries after which a manifest in a store gets another part."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What became of a file."""

    name: str
    status: Literal["done", "failed"]
    """`failed` if any of its pages was not read; the others are in the outputs nevertheless."""
    stamp: str | None = None
    """As `Item.stamp`, from before it was read."""
    sha256: str | None = None
    """Of the bytes that were read; None if they could not be had."""
    pages: int = 0
    """Read."""
    failed_pages: int = 0
    attempts: int = 1
    """How often it was tried, in all runs."""
    error: Mapping[str, str] | None = None
    """`code` and `detail` of the first thing that went wrong."""
    model: str = ""
    """`name@version`."""
    recipe: str = ""
    """Digest of the model's content and of the choices that change what is read."""
    outputs: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each output, by its path in the destination."""
    seconds: float = 0.0
    finished: str = ""
    """When, in UTC."""

    def line(self) -> bytes:
        """Return the entry as a line of JSON. Names that are no Unicode are escaped so that they stay what they are."""
        return json.dumps(asdict(self), separators=(",", ":")).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Entry | None:
        """Return the entry in a line; None if that is damaged."""
        try:
            found = json.loads(line)
            known = {key: found[key] for key in cls.__slots__ if key in found}
            entry = cls(**known)
        except (ValueError, TypeError, RecursionError):
            return None
        kinds = ((entry.name, str), (entry.outputs, dict), (entry.attempts, int), (entry.pages, int))
        whole = entry.status in ("done", "failed") and all(isinstance(value, kind) for value, kind in kinds)
        return entry if whole else None


class Manifest:
    """The entries of a shard. One thread uses it at a time.

    In a folder it is a file that grows by a line for each entry. A store has none that grow: there entries come in
    parts, which are put together when a run ends and when the next one begins.
    """

    def __init__(self, destination: Destination, shard: Shard) -> None:
        """Read what there is; nothing is written.

        Raises:
            StoppedError: it cannot be read.
        """
        self._destination = destination
        self._name = f"{OWN}/manifest-{shard}.jsonl"
        self._failed_name = f"{OWN}/failed-{shard}.jsonl"
        self._folder = f"{OWN}/parts-{shard}"
        self._lines: dict[str, bytes] = {}
        self._failed: set[str] = set()
        self._fresh: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._parts: list[str] = []
        self._orderly = False
        """Whether the file of the manifest is what `_write` would write."""
        for path in self._others(shard):
            self._take(destination.lines(path), only=shard)
        self._orderly = not self._lines
        own = self._take(destination.lines(self._name))
        self._orderly = self._orderly and own > 0
        if not isinstance(destination, LocalDestination):
            self._parts = [f"{self._folder}/{name}" for name in destination.names(self._folder)]
            for part in self._parts:
                self._take(destination.lines(part))
        last = re.search(r"(\d+)-[^/]*$", self._parts[-1]) if self._parts else None
        self._number = int(last[1]) + 1 if last else 0

    def _others(self, shard: Shard) -> Iterator[str]:
        """Yield the manifests, and their parts, of runs that parted the files into another number of shards."""
        for name in self._destination.names(OWN):
            found = re.fullmatch(r"(manifest|parts)-\d{5,}-of-(\d{5,})(\.jsonl)?", name)
            if not found or int(found[2]) == shard.count:
                continue
            path = f"{OWN}/{name}"
            if found[1] == "manifest":
                yield path
            else:
                yield from (f"{path}/{part}" for part in self._destination.names(path))

    def _take(self, lines: Iterable[bytes], *, only: Shard | None = None) -> int:
        """Take in what was written; return how many lines that was."""
        number = damaged = 0
        for number, line in enumerate(lines, start=1):  # noqa: B007 — counts
            whole = line.endswith(b"\n")
            self._orderly = self._orderly and whole  # cut off, if only its line feed
            entry = Entry.parse(line)
            if entry is None:
                damaged += 1
                self._orderly = False
            elif only is None or only.has(entry.name):
                self._keep(entry, line if whole else line + b"\n")
        if damaged:
            log.warning("%d damaged lines of %s are left out: these files are read again", damaged, self._name)
        return number

    def _keep(self, entry: Entry, line: bytes) -> None:
        self._orderly = self._orderly and entry.name not in self._lines
        self._lines[entry.name] = line
        (self._failed.add if entry.status == "failed" else self._failed.discard)(entry.name)

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, name: str) -> Entry | None:
        """Return what became of a file; None if it was not read yet."""
        line = self._lines.get(name)
        return None if line is None else Entry.parse(line)

    def failed(self) -> list[Entry]:
        """Return the entries of files that failed, sorted by name."""
        return [entry for name in sorted(self._failed) if (entry := self.get(name))]

    def begin(self) -> None:
        """Put the manifest in order: what was cut off goes, of each file one entry stays."""
        self._write()
        if isinstance(self._destination, LocalDestination):
            with _writing(self._destination):
                self._file = self._destination.path(self._name).open("ab")

    def add(self, entry: Entry) -> None:
        """Take down what became of a file, once its outputs are in their places.

        Raises:
            StoppedError: it cannot be written.
        """
        line = entry.line()
        if self._file is not None:
            with _writing(self._destination):
                self._file.write(line)
                self._file.flush()
        else:
            self._fresh.append(line)
        self._keep(entry, line)
        if len(self._fresh) >= ENTRIES:
            self.flush()

    def flush(self) -> None:
        """Write what is only in memory yet."""
        if not self._fresh:
            return
        # Numbered, so that they are read in their order whatever the clocks say; and each with a name of its own, so
        # that two runs at once lose nothing.
        part = f"{self._folder}/{self._number:09d}-{uuid.uuid4().hex[:8]}.jsonl"
        self._destination.write(part, b"".join(self._fresh))
        self._parts.append(part)
        self._number += 1
        self._fresh.clear()

    def close(self) -> None:
        """Write the manifest in one piece, and those that failed apart."""
        self.flush()
        if self._file is not None:
            file, self._file = self._file, None
            with _writing(self._destination), file:
                os.fsync(file.fileno())
        self._write()
        self._destination.write(self._failed_name, b"".join(entry.line() for entry in self.failed()))

    def _write(self) -> None:
        """Write all of it in one piece, if it is not: of each file one entry."""
        if self._parts or not self._orderly:
            with self._destination.writing(self._name) as file:
                file.writelines(self._lines.values())
            self._orderly = True
        for part in self._parts:
            self._destination.remove(part)
        self._parts.clear()


@contextmanager
def _writing(destination: Destination) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoppedError(f"{destination.place} cannot be written to: {error.strerror}") from error
