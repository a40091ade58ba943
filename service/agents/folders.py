"""Files that an agent may have read: those below folders that were named for it, and no others."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ocr_core.errors import ImageError
from service.errors import ForbiddenError, PayloadTooLargeError


class Folders:
    """Opens files below `roots`, wherever links lead.

    Args:
        roots: existing folders; relative paths are looked for in each, in this order.
        limit: bytes of a file.
    """

    def __init__(self, roots: Sequence[Path], limit: int) -> None:
        self._roots = [root.resolve(strict=True) for root in roots]
        self._limit = limit

    def __str__(self) -> str:
        """Return the folders, for people."""
        return ", ".join(map(str, self._roots))

    def read(self, path: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            ForbiddenError: it lies elsewhere, or is not there: which of the two is nobody's business.
            PayloadTooLargeError: it is larger than the limit.
            ImageError: it is no file, or cannot be opened.
        """
        found = self._find(path)
        try:
            with open(found, "rb", opener=_open) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ImageError(f"{path} is no file")
                data = file.read(self._limit + 1)
        except OSError as error:
            raise ImageError(f"{path} cannot be opened: {error.strerror}") from None
        if len(data) > self._limit:
            raise PayloadTooLargeError(f"{path} has more than {self._limit} bytes")
        return data

    def _find(self, path: str) -> Path:
        for root in self._roots:
            try:
                found = (root / path).resolve(strict=True)
            except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle, before Python 3.13
                continue
            if any(found.is_relative_to(allowed) for allowed in self._roots):
                return found
        raise ForbiddenError(f"no such file in {self}, and others may not be read")


def _open(path: str, flags: int) -> int:
    """Open neither a link that was put there meanwhile nor a pipe, which would be waited for."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
