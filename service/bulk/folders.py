"""Files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path


def files_below(base: Path, suffixes: AbstractSet[str]) -> Iterator[Path]:
    """Yield the files at any depth. Links to files are followed, links to folders not: they may lead in a circle.

    A folder that cannot be looked into is given as a file, which then cannot be read.

    Args:
        base: the folder.
        suffixes: of the names that are taken, in small letters.
    """
    closed: list[str] = []
    for folder, _, names in os.walk(base, onerror=lambda error: closed.append(error.filename)):
        for path in (Path(folder, name) for name in names):
            if path.suffix.lower() in suffixes:
                yield path
    yield from map(Path, closed)
