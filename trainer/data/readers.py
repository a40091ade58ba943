"""Labelled data on disk, in the three forms that people have, as pages or as single lines.

`labels.jsonl` sets are read by `ocr_core.scoring`; here are PaddleOCR's label files, ICDAR's text files, and the rule
by which rows train or validate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ocr_core.scoring.datasets import (
    FARTHEST,
    Coordinate,
    CropRow,
    CropSet,
    LabelledSet,
    PageRow,
    PageSet,
    Region,
    read_set,
    validates,
)
from trainer.config import LabelledSource
from trainer.errors import ConfigError

IGNORED = frozenset({"*", "###"})
"""Transcriptions of text that nobody could read (facts 2.1)."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class _PaddleBox:
    transcription: str
    points: tuple[tuple[Coordinate, Coordinate], ...]


_BOXES = TypeAdapter(tuple[_PaddleBox, ...])


def read_source(source: LabelledSource, root: Path) -> LabelledSet:
    """Return the rows of a source that its `rows`, `skip` and `limit` select.

    Raises:
        ConfigError: the source is missing, damaged, or has no such row.
    """
    path = root / source.path
    try:
        rows = READERS[source.kind](path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    rows = _select(rows, source)
    if not rows.rows:
        raise ConfigError(f"{path}: no rows {source.rows!r}")
    return rows


def _select(rows: LabelledSet, source: LabelledSource) -> LabelledSet:
    def wanted(image: str) -> bool:
        return source.rows == "all" or validates(image) == (source.rows == "validate")

    part = slice(source.skip, source.skip + source.limit if source.limit else None)
    if isinstance(rows, PageSet):
        return replace(rows, rows=tuple(row for row in rows.rows if wanted(row.image))[part])
    return replace(rows, rows=tuple(row for row in rows.rows if wanted(row.image))[part])


def read_paddle(path: Path) -> LabelledSet:
    """Read PaddleOCR's label file: `image<TAB>[{"transcription", "points"}, ...]` or `image<TAB>text` (facts 2.1).

    Images are relative to the file's folder. Whether it holds pages or crops shows in the first row.

    Raises:
        ValueError: a row without a tab, or boxes that are not JSON of that form; the message names the row.
    """
    pairs = []
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), start=1):
        image, tab, label = line.rstrip("\r").partition("\t")
        if not line.strip():
            continue
        if not tab:
            raise ValueError(f"row {number}: no tab between image and label")
        pairs.append((number, image, label))
    if pairs and _is_boxes(pairs[0][2]):
        return PageSet(path.parent, tuple(_paddle_page(*pair) for pair in pairs))
    return CropSet(path.parent, tuple(CropRow(image, label) for _, image, label in pairs))


def _is_boxes(label: str) -> bool:
    try:
        value = json.loads(label)
    except ValueError:
        return False
    return isinstance(value, list) and all(isinstance(box, dict) for box in value)


def _paddle_page(number: int, image: str, label: str) -> PageRow:
    try:
        boxes = _BOXES.validate_json(label)
    except ValidationError as error:
        raise ValueError(f"row {number}: {error.errors()[0]['msg']}") from error
    return PageRow(image, tuple(_region(box.points, box.transcription) for box in boxes), granularity="line")


def read_icdar(folder: Path) -> PageSet:
    """Read ICDAR's text files: for `NAME.jpg` a `gt_NAME.txt` or `NAME.txt` of rows `x1,y1,...,x4,y4,text`.

    Raises:
        ValueError: a row without eight coordinates; the message names file and row.
    """
    images = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    texts = {p.stem.removeprefix("gt_"): p for p in sorted(folder.rglob("*.txt"))}
    labelled = [image for image in images if image.stem in texts]
    return PageSet(
        folder,
        tuple(PageRow(p.relative_to(folder).as_posix(), _icdar_regions(texts[p.stem])) for p in labelled),
    )


def _icdar_regions(path: Path) -> tuple[Region, ...]:
    regions = []
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        match = re.match(r"((?:\s*-?[\d.]+\s*,){8})(.*)", line)
        if match is None:
            raise ValueError(f"{path.name}:{number}: not x1,y1,...,x4,y4,text")
        numbers = [float(value) for value in match[1].split(",")[:8]]
        if not all(abs(value) <= FARTHEST for value in numbers):
            raise ValueError(f"{path.name}:{number}: a corner more than {FARTHEST:,.0f} pixels away")
        points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        regions.append(_region(points, match[2].strip().strip('"')))
    return tuple(regions)


def _region(points: tuple[tuple[float, float], ...], text: str) -> Region:
    return Region(points, text, ignore=text in IGNORED)


READERS: dict[str, Callable[[Path], LabelledSet]] = {
    "labels": read_set,
    "paddle": read_paddle,
    "icdar": read_icdar,
}
