"""What is to be read: the files of a folder, a glob, a bucket or a list, each under a name of its own."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec import AbstractFileSystem

from service.bulk.errors import BulkError
from service.bulk.folders import UNREAD, files_below, left_out
from service.bulk.lists import places_of

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pdf"})
"""Of the files in a folder, those that are taken. Files that are named are taken whatever their names."""
STANDARD = "-"

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOCAL = re.compile(r"(file|local)://", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "updated", "created")
"""What file systems call what changes with a file's content, the best first."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file to read."""

    name: str
    """Under which its outputs and its entry in the manifest go: its path below what was asked for, with slashes."""
    place: str
    """Where it lies: a local path, or a URL."""
    stamp: str | None = None
    """What changes with its content, as far as that is known without reading it: size and time, or a store's tag."""
    size: int | None = None
    """Bytes, where they are known."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of all files. A file belongs to one and the same whatever else there is.

    Raises:
        BulkError: there is no such part.
    """

    index: int = 0
    """From 0."""
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise BulkError(f"there is no shard {self.index}/{self.count}: of {self.count}, the first is 0")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that `i/n` names."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
        if not found:
            raise BulkError(f"{text!r} is no shard; the first of four is 0/4")
        return cls(int(found[1]), int(found[2]))

    def has(self, name: str) -> bool:
        """Say whether the file of this name belongs to the shard."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index:05d}-of-{self.count:05d}"


def is_url(place: str) -> bool:
    """Say whether a place is an address of fsspec's, not a local path."""
    return bool(_URL.match(place)) and not _LOCAL.match(place)


def local_path(place: str) -> Path:
    """Return a local place as an absolute path; links stay."""
    return Path(os.path.normpath(Path.cwd() / _LOCAL.sub("", place, count=1)))


def open_store(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system behind a URL, and the path in it.

    Raises:
        BulkError: the protocol is unknown or not installed.
    """
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BulkError(f"{url}: {error}. For s3:// install the extra `s3`.") from error
    except Exception as error:  # each file system has errors of its own
        raise BulkError(f"{url} cannot be opened: {type(error).__name__}: {error}") from error
    return fs, str(path).rstrip("/")


def list_items(source: str, shard: Shard, *, target: str, unread: Counter[str] | None = None) -> list[Item]:
    """Return the files of a shard, sorted by name.

    Args:
        source: a folder, a glob, a document, a file with a list of paths (`-`: standard input), or a URL of these.
        shard: which part of them.
        target: where outputs go; what lies there is not read, though it be below `source`.
        unread: is told which other pictures and documents a folder holds, as `files_below` does.

    Raises:
        BulkError: there is nothing to read, or two files would have one name.
        OSError: the list cannot be read.
    """
    places: dict[str, str] = {}
    items: list[Item] = []
    unread = Counter() if unread is None else unread
    for item in _listed(source, target, unread):
        other = places.get(item.name)
        if other is None:
            places[item.name] = item.place
            if shard.has(item.name):
                items.append(item)
        elif other != item.place:
            raise BulkError(f"{other!r} and {item.place!r} would both be written as {item.name!r}")
    if not places:
        where = "the list" if source == STANDARD else source
        raise BulkError(f"no PDF or image in {where}" + (f"; {left_out(unread)}" if unread else ""))
    return sorted(items, key=lambda item: item.name)


def _listed(source: str, target: str, unread: Counter[str]) -> Iterator[Item]:
    if source == STANDARD:
        if sys.stdin is None:
            raise BulkError("standard input is closed")
        return _of_list(sys.stdin.buffer.read(), "standard input")
    if is_url(source):
        return _in_store(source, target, unread)
    path = local_path(source)
    if path.is_dir():
        found = files_below(path, SUFFIXES, unread)
        return _outside((_local(each, _below(each, path)) for each in found), path, target)
    if path.is_file():
        named = path.suffix.lower() in SUFFIXES
        return iter([_local(path, path.name)]) if named else _of_list(path.read_bytes(), source)
    if path.is_fifo():  # as of `<(find …)` in a shell
        return _of_list(path.read_bytes(), source)
    if not _MAGIC.search(source):
        there = "is no folder, file or pipe" if path.exists() else "there is no such folder or file"
        raise BulkError(f"{source}: {there}")
    base = Path(_MAGIC.split(str(path), maxsplit=1)[0] + "x").parent
    matches = base.glob(_below(path, base))
    return _outside((_local(match, _below(match, base)) for match in matches if not match.is_dir()), base, target)


def _outside(items: Iterator[Item], base: Path, target: str) -> Iterator[Item]:
    """Leave out what lies below `target`, if that lies below `base`."""
    if is_url(target):
        return items
    # realpath: where links lead in a circle, resolve() raises.
    top, below = os.path.realpath(base), os.path.realpath(local_path(target))
    if below == top:
        raise BulkError("outputs cannot go into the folder that is read: they would be read the next time")
    if not below.startswith(top.rstrip(os.sep) + os.sep):
        return items
    # Itself too: a folder that may be written and not looked into is among the files.
    return (item for item in items if not f"{os.path.realpath(item.place)}{os.sep}".startswith(below + os.sep))


def _below(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix()


def _local(path: Path, name: str) -> Item:
    try:
        found = path.stat()
    except (OSError, ValueError):  # said when it is read
        return Item(name, str(path))
    regular = stat.S_ISREG(found.st_mode)
    return Item(name, str(path), f"{found.st_size}-{found.st_mtime_ns}" if regular else None, found.st_size)


def _in_store(url: str, target: str, unread: Counter[str]) -> Iterator[Item]:
    fs, root = open_store(url)
    fs.invalidate_cache()
    found: Mapping[str, Any]
    try:
        if _MAGIC.search(root):
            base, found = _MAGIC.split(root, maxsplit=1)[0].rpartition("/")[0], fs.glob(root, detail=True)
        elif fs.isfile(root):
            base, found = root.rpartition("/")[0], {root: fs.info(root)}
            if Path(root).suffix.lower() not in SUFFIXES:
                yield from _of_list(fs.cat_file(root), url)
                return
        else:
            base, found = root, fs.find(root, detail=True)
    except BulkError:
        raise
    except Exception as error:  # each file system has errors of its own
        raise BulkError(f"{url} cannot be listed: {type(error).__name__}: {error}") from error
    own = _own(fs, base, target)
    for path, about in found.items():
        if about.get("type") == "directory" or (own and path.startswith(own)):
            continue
        suffix = Path(path).suffix.lower()
        if suffix in UNREAD:
            unread[suffix] += 1
        if suffix in SUFFIXES:
            yield Item(path.removeprefix(base + "/"), fs.unstrip_protocol(path), _stamp(about), about.get("size"))


def _own(fs: AbstractFileSystem, base: str, target: str) -> str | None:
    """Return the beginning of what outputs are called, if they go below `base` in the same store."""
    if not is_url(target):
        return None
    other, path = open_store(target)
    if other is not fs:  # fsspec gives the same object for the same store
        return None
    if path == base:
        raise BulkError("outputs cannot go into the folder that is read: they would be read the next time")
    return path + "/" if path.startswith(base + "/") else None


def _stamp(about: Mapping[str, Any]) -> str | None:
    tag = next((about[key] for key in _TAGS if about.get(key)), None)
    return None if tag is None else f"{about.get('size')}-{tag}".replace('"', "")


def _of_list(data: bytes, name: str) -> Iterator[Item]:
    """Yield the files of a list."""
    for place in places_of(data, name):
        if is_url(place):
            yield Item(place.partition("://")[2], place)
        else:
            path = Path(os.path.normpath(_LOCAL.sub("", place, count=1)))
            outside = path.is_absolute() or path.parts[:1] == ("..",)
            yield _local(local_path(place), str(local_path(place)).lstrip(os.sep) if outside else path.as_posix())
