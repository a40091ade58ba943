"""The files of the page, as they are sent."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

START = "index.html"
"""The page itself; the other files lie in the folder `page/` beside it."""

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "jpg": "image/jpeg",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is and as it is sent to those who take gzip, and what tells it from its next version."""

    body: bytes
    media_type: str
    gzipped: bytes = field(init=False)
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gzipped", gzip.compress(self.body, mtime=0))
        object.__setattr__(self, "etag", hashlib.sha256(self.body).hexdigest()[:16])


def load_files() -> Mapping[str, PageFile]:
    """Return all files by name; they are few and small, and stay in memory."""
    static = resources.files(__package__) / "static"
    return {
        entry.name: PageFile(entry.read_bytes(), _MEDIA_TYPES[entry.name.rpartition(".")[2]])
        for entry in static.iterdir()
    }
