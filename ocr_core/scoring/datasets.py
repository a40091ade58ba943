"""Labelled sets on disk: a folder with `images/` and `labels.jsonl`, one object a line.

A page set has rows `{"image", "lines": [{"points": [[x, y], ...], "text", "ignore"}], "granularity": "line"|"word",
"ordered": bool}`, a crop set has rows `{"image", "text"}`. `image` is relative to the folder; points run clockwise from
the top left corner of the text, in pixels of the stored image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

Corners = tuple[tuple[float, float], ...]
"""x, y of a polygon's corners, clockwise."""
FARTHEST = 2.0**24
"""Pixels from the corner of an image beyond which no label lies: f32 has whole pixels up to there."""
Coordinate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Region:
    """A text and its polygon, labelled or read."""

    points: Annotated[tuple[tuple[Coordinate, Coordinate], ...], Field(min_length=3)]
    text: str
    ignore: bool = False
    """Labelled as unreadable or unimportant: neither finding nor missing it counts."""

    @classmethod
    def of(cls, polygon: NDArray[np.floating], text: str) -> Region:
        """Make a region of a P×2 array of corners."""
        return cls(tuple((float(x), float(y)) for x, y in polygon), text)


@dataclass(frozen=True, slots=True)
class PageRow:
    """One labelled page."""

    image: str
    lines: tuple[Region, ...]
    granularity: Literal["line", "word"] = "word"
    """What one region holds. Boxes are compared with those of an OCR system where it is a line."""
    lang: str = ""
    source: str = ""
    ordered: bool = False
    """Whether the regions stand in the order in which a person reads them."""


@dataclass(frozen=True, slots=True)
class CropRow:
    """One labelled crop: the whole image is one line or word."""

    image: str
    text: str
    lang: str = ""
    source: str = ""


def eighth(file: str) -> int:
    """Return which eighth of all files one of this name belongs to: sha1 of its name, as a number, mod 8."""
    return int(hashlib.sha1(Path(file).name.encode(), usedforsecurity=False).hexdigest(), 16) % 8


def validates(image: str) -> bool:
    """Whether the image of this name is kept for validation: its eighth is 0."""
    return eighth(image) == 0


@dataclass(frozen=True, slots=True)
class _Set:
    folder: Path

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    def path(self, row: PageRow | CropRow) -> Path:
        """Return where the image of `row` lies."""
        return self.folder / row.image


@dataclass(frozen=True, slots=True)
class PageSet(_Set):
    """A folder of labelled pages."""

    rows: tuple[PageRow, ...]

    @property
    def by_line(self) -> bool:
        """Whether the regions are lines, as told by the first row."""
        return bool(self.rows) and self.rows[0].granularity == "line"

    @property
    def ordered(self) -> bool:
        """Whether the regions are in reading order, as told by the first row."""
        return bool(self.rows) and self.rows[0].ordered

    def head(self, count: int | None) -> PageSet:
        """Return the set with its first `count` rows."""
        return replace(self, rows=self.rows[:count])


@dataclass(frozen=True, slots=True)
class CropSet(_Set):
    """A folder of labelled crops."""

    rows: tuple[CropRow, ...]

    def head(self, count: int | None) -> CropSet:
        """Return the set with its first `count` rows."""
        return replace(self, rows=self.rows[:count])


LabelledSet = PageSet | CropSet


def _kind(row: Any) -> str:
    return "page" if isinstance(row, dict) and "lines" in row else "crop"


_ROW: TypeAdapter[PageRow | CropRow] = TypeAdapter(
    Annotated[Annotated[PageRow, Tag("page")] | Annotated[CropRow, Tag("crop")], Discriminator(_kind)]
)


def read_set(folder: Path) -> LabelledSet:
    """Read `folder/labels.jsonl`. A row with `lines` is a page, any other a crop.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty or mixes pages and crops, or a row lacks a field; the message names the row.
    """
    path = folder / "labels.jsonl"
    rows = tuple(_rows(path))
    pages = tuple(row for row in rows if isinstance(row, PageRow))
    crops = tuple(row for row in rows if isinstance(row, CropRow))
    if not rows or (pages and crops):
        raise ValueError(f"{path}: {'pages and crops in one set' if rows else 'no rows'}")
    return PageSet(folder, pages) if pages else CropSet(folder, crops)


def _rows(path: Path) -> Iterator[PageRow | CropRow]:
    # Not splitlines(): JSON strings may hold U+2028 and other characters that it takes for line ends.
    for number, line in enumerate(path.read_text("utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _ROW.validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][1:])
            raise ValueError(f"{path}:{number}: {where + ': ' if where else ''}{first['msg']}") from error
