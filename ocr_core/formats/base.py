"""What every format is: a name, a media type, and a writer that is handed pages one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ocr_core.child.process import Check
from ocr_core.pipeline.result import Page


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Original:
    """A file as it came. Its pages are handed on with one and the same object."""

    name: str
    data: bytes
    password: str | None = None
    """What opened it, if it is encrypted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedPage:
    """A page that could not be read. It keeps its place among the others."""

    number: int = 1
    """Page within the file, from 1."""
    reason: str
    """What went wrong, for people."""


class Writer(Protocol):
    """Writes pages down as one file of bytes, as far as the format allows while further pages are still being read.

    A writer holds what it needs of the pages it was given, never the pages; one thread uses it at a time.
    """

    def page(self, original: Original, page: Page | FailedPage) -> bytes:
        """Take the next page and return the bytes that are known by now; none, if all of them come at the end."""
        ...

    def end(self) -> Iterator[bytes]:
        """Return what remains to be written, in pieces. Without a page before, an empty document."""
        ...


class NewWriter(Protocol):
    """Makes a writer."""

    def __call__(self, check: Check | None = None) -> Writer:
        """Return one; where it waits for a process it calls `check`, and whatever that raises ends the process."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A way to write pages down."""

    name: str
    media_type: str
    """As `Content-Type` says it, with the charset of text."""
    suffix: str
    """Of file names, with its dot."""
    words: bool
    """It shows words: `ReadOptions.words` gives them their boxes, without which they are spaced evenly."""
    new_writer: NewWriter
