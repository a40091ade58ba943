"""Files below a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

UNREAD = frozenset(
    (
        *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".svg", ".psd", ".tga", ".dng", ".cr2", ".cr3", ".nef"),
        *(".arw", ".doc", ".docx", ".odt", ".rtf", ".pages", ".ppt", ".pptx", ".odp", ".xls", ".xlsx", ".ods"),
        *(".epub", ".djvu", ".djv", ".xps", ".ps", ".eps"),
    )
)
"""Of pictures and documents that people keep beside those that are read, and may take for read too."""


def files_below(base: Path, suffixes: AbstractSet[str], unread: Counter[str] | None = None) -> Iterator[Path]:
    """Yield the files at any depth. Links to files are followed, links to folders not: they may lead in a circle.

    A folder that cannot be looked into is given as a file, which then cannot be read.

    Args:
        base: the folder.
        suffixes: of the names that are taken, in small letters.
        unread: is told of the others how many there are of each suffix in `UNREAD`.
    """
    closed: list[str] = []
    for folder, _, names in os.walk(base, onerror=lambda error: closed.append(error.filename)):
        for path in (Path(folder, name) for name in names):
            if (suffix := path.suffix.lower()) in suffixes:
                yield path
            elif unread is not None and suffix in UNREAD:
                unread[suffix] += 1
    yield from map(Path, closed)


def left_out(unread: Counter[str]) -> str:
    """Return in words which files of folders are not read."""
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in unread.most_common())
    return f"{unread.total()} file{'' if unread.total() == 1 else 's'} left out, of kinds that are not read: {kinds}"
