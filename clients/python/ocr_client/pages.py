"""What the service answers. Fields that it may add later are passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Point = tuple[float, float]
Polygon = tuple[Point, Point, Point, Point]
"""Corners x, y clockwise from the top left of the text as it is read, in pixels of the upload after its EXIF turn."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with a request or a page. `code` is stable, `detail` is for people."""

    code: str
    status: int
    title: str
    detail: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Problem:
        """Return the problem of a problem document (RFC 9457)."""
        return cls(body["code"], body["status"], body.get("title", ""), body.get("detail", ""))


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without white space."""

    text: str
    confidence: float
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text."""

    text: str
    confidence: float
    polygon: Polygon
    words: tuple[Word, ...] = ()
    """Empty unless `words=True` was asked for."""
    source: Literal["ocr", "embedded"] | None = None
    """On pages with `source` `embedded`: whether it was read or stood in the file."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a file. One that could not be read has `error`, no size and no lines."""

    file: str
    number: int
    """From 1."""
    width: int | None = None
    height: int | None = None
    """Pixels, after the EXIF turn."""
    rotation: int | None = None
    """Degrees clockwise that would make the page upright."""
    lines: tuple[Line, ...] = ()
    """In reading order."""
    source: Literal["ocr", "embedded"] | None = None
    """Of pages of a PDF: whether its text was read or stood in the file."""
    dpi: float | None = None
    """Of pages of a PDF: pixels an inch."""
    error: Problem | None = None

    @property
    def text(self) -> str:
        """The lines, one below the other. `convert(to="text")` gives running text."""
        return "\n".join(line.text for line in self.lines)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Page:
        """Return the page that a JSON object describes."""
        error = body.get("error")
        return cls(
            file=body["file"],
            number=body.get("page", 1),
            width=body.get("width"),
            height=body.get("height"),
            rotation=body.get("rotation"),
            lines=tuple(map(_line, body.get("lines", ()))),
            source=body.get("source"),
            dpi=body.get("dpi"),
            error=Problem.of(error) if error else None,
        )


@dataclass(frozen=True, slots=True)
class Model:
    """Which model read."""

    name: str
    version: str | None
    digest: str | None
    state: str | None = None
    """Of the list of models: `ready`, `loading` and so on."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Model:
        """Return the model that a JSON object describes."""
        return cls(body["name"], body.get("version"), body.get("digest"), body.get("state"))


@dataclass(frozen=True, slots=True)
class Answer:
    """All pages of a request, in the order of its files."""

    pages: tuple[Page, ...]
    model: Model
    timings_ms: Mapping[str, float]
    """Milliseconds in each stage, summed over the pages, and `total`."""

    @property
    def text(self) -> str:
        """The pages' lines, an empty line between pages."""
        return "\n\n".join(page.text for page in self.pages)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Answer:
        """Return the answer that a JSON object describes."""
        return cls(tuple(map(Page.of, body["pages"])), Model.of(body["model"]), body["timings_ms"])


@dataclass(frozen=True, slots=True)
class End:
    """What the service says after the last page of a stream."""

    pages: int
    failed: int
    model: Model
    timings_ms: Mapping[str, float]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> End:
        """Return what the last line of a stream describes."""
        return cls(body["pages"], body["failed"], Model.of(body["model"]), body["timings_ms"])


def _line(body: Mapping[str, Any]) -> Line:
    words = tuple(Word(*_text(word)) for word in body.get("words", ()))
    return Line(*_text(body), words, body.get("source"))


def _text(body: Mapping[str, Any]) -> tuple[str, float, Polygon]:
    a, b, c, d = ((float(x), float(y)) for x, y in body["polygon"])
    return body["text"], body["confidence"], (a, b, c, d)
