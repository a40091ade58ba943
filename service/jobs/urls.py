"""URLs that clients name: below a prefix that the operator has allowed, or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
    if not _PLAIN.fullmatch(url) or "\\" in url or "::" in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    steps = unquote(parts.path).split("/")
    escaped = re.search("%2[ef5]", url, re.IGNORECASE)
    if "@" in parts.netloc or parts.fragment or {".", ".."} & set(steps) or escaped:
        return False
    for prefix in map(urlsplit, prefixes):
        same = (parts.scheme, parts.hostname, port) == (prefix.scheme, prefix.hostname, prefix.port)
        folder = prefix.path.rstrip("/")
        if same and (parts.path == folder or parts.path.startswith(f"{folder}/")):
            return True
    return False


def fetch(url: str, prefixes: Sequence[str], most: int) -> bytes:
    """Return a file that a client names; blocks.

    Raises:
        InvalidRequestError: it is not below any of the prefixes, or cannot be read.
        PayloadTooLargeError: more bytes than `most`.
    """
    if not is_below(url, prefixes) or re.search(r"[?*\[\]]", url):
        raise _refused("is not below a prefix that is allowed here")
    try:
        fs, path = url_to_fs(url)
        if isinstance(fs, LocalFileSystem):
            roots = [os.path.realpath(url_to_fs(prefix)[1]) for prefix in prefixes if is_below(url, [prefix])]
            real = os.path.realpath(path)
            if not any(real.startswith(f"{root.rstrip('/')}/") for root in roots) or not Path(real).is_file():
                raise _refused("cannot be read")
        with fs.open(path, "rb") as file:
            data: bytes = file.read(most + 1)
    except InvalidRequestError:
        raise
    except Exception as error:  # each file system has errors of its own
        raise _refused("cannot be read") from error
    if len(data) > most:
        raise PayloadTooLargeError(f"the file is over the limit of {most} bytes")
    return data


def _refused(reason: str) -> InvalidRequestError:
    return InvalidRequestError([{"loc": ("body", "url"), "msg": reason}])
