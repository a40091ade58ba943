"""URLs that clients name: below a prefix that the operator has allowed, or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from service.errors import InvalidRequestError, PayloadTooLargeError

MAX_LENGTH = 2_000
_PLAIN = re.compile(r"[\x21-\x7e]+")


def is_below(url: str, prefixes: Sequence[str]) -> bool:
    """Tell whether a URL lies below one of the prefixes: on the same host and port, in the same folder or under it.

    One that programs may understand differently does not: with a user, a backslash, an escaped dot or slash, a step
    upwards, or characters that are not printable ASCII.
    """
    if not _PLAIN.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    # Two colons chain file systems, unless they are those of an address of IPv6.
    if "::" in url.replace(parts.netloc, "", 1):
        return False
    # Some servers take what comes after a semicolon for a parameter of the step, and `..;` for a step upwards.
    steps = [step.partition(";")[0] for step in unquote(parts.path).split("/")]
    escaped = re.search("%2[ef5]", url, re.IGNORECASE)
    if "@" in parts.netloc or parts.fragment or {".", ".."} & set(steps) or escaped:
        return False
    for prefix in map(urlsplit, prefixes):
        if not (prefix.netloc or prefix.path):  # nothing, or a remark such as `# scans`: everything would lie below it
            continue
        same = (parts.scheme, parts.hostname, port) == (prefix.scheme, prefix.hostname, prefix.port)
        folder = prefix.path.rstrip("/")
        if same and (parts.path == folder or parts.path.startswith(f"{folder}/")):
            return True
    return False


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a client names, and may."""

    fs: AbstractFileSystem
    path: str
    size: int
    """Bytes that it has, or may have where its store does not tell."""

    def read(self) -> bytes:
        """Return what is in it; blocks.

        Raises:
            InvalidRequestError: it cannot be read, or has grown.
        """
        with _refusing(), self.fs.open(self.path, "rb") as file:
            data: bytes = file.read(self.size + 1)
        if len(data) > self.size:
            raise _refused("has grown while it was read")
        return data


def find_named(url: str, prefixes: Sequence[str], most: int) -> NamedFile:
    """Return a file that a client names, unread: what it takes must be known before; blocks.

    Raises:
        InvalidRequestError: it is not below any of the prefixes, or cannot be read.
        PayloadTooLargeError: more bytes than `most`.
    """
    if not is_below(url, prefixes) or re.search(r"[?*\[\]]", url):
        raise _refused("is not below a prefix that is allowed here")
    with _refusing():
        fs, path = url_to_fs(url)
        if isinstance(fs, LocalFileSystem):
            roots = [os.path.realpath(url_to_fs(prefix)[1]) for prefix in prefixes if is_below(url, [prefix])]
            real = os.path.realpath(path)
            if not any(real.startswith(f"{root.rstrip('/')}/") for root in roots) or not Path(real).is_file():
                raise _refused("cannot be read")
        size = fs.size(path)
    if size is not None and size > most:
        raise PayloadTooLargeError(f"the file is over the limit of {most} bytes")
    return NamedFile(fs, path, most if size is None else size)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except InvalidRequestError:
        raise
    except Exception as error:  # each file system has errors of its own
        raise _refused("cannot be read") from error


def _refused(reason: str) -> InvalidRequestError:
    return InvalidRequestError([{"loc": ("body", "url"), "msg": reason}])
