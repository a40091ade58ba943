"""Where pages come from: labelled images, or what is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import shapely

from ocr_core.scoring.datasets import PageRow, PageSet
from trainer.config import LabelledSource, PageSource
from trainer.data.crops import read_image
from trainer.data.pages import PageSample
from trainer.data.problems import Problems
from trainer.data.readers import read_source
from trainer.data.rendered import PageSampler, page_sampler
from trainer.errors import ConfigError

ROUNDING = 32
"""Pixels by which a side of a map may be off its page's proportions: sides are rounded to multiples of 32 or 64."""


class Pages(Protocol):
    """Pages by number."""

    @property
    def size(self) -> int | None:
        """How many pages there are; None: endless."""
        ...

    def page(self, index: int) -> PageSample | None:
        """Return page `index`; None, and a problem counted, where its image cannot be read."""
        ...


class LabelledPages:
    """Pages of a labelled set, decoded when they are wanted."""

    def __init__(self, rows: PageSet, maps: Path | None, problems: Problems) -> None:
        self.rows = rows
        self.maps = maps
        self.problems = problems

    @property
    def size(self) -> int | None:
        """How many pages there are."""
        return len(self.rows.rows)

    def page(self, index: int) -> PageSample | None:
        """Return page `index`; outlines that cross themselves are taken as unreadable text."""
        row = self.rows.rows[index]
        pixels = read_image(self.rows.path(row), self.problems)
        if pixels is None:
            return None
        polygons = tuple(np.asarray(line.points, np.float32) for line in row.lines)
        crossing = [not shapely.Polygon(polygon).is_valid for polygon in polygons]
        for number, bad in enumerate(crossing):
            if bad:
                self.problems.add("crossing polygon", f"{self.rows.path(row)}:{number}")
        ignore = tuple(line.ignore or bad for line, bad in zip(row.lines, crossing, strict=True))
        texts = tuple(line.text for line in row.lines)
        teacher = self._map(row, pixels.shape[:2])
        return PageSample(pixels, polygons, texts, ignore, teacher, by_line=row.granularity == "line")

    def _map(self, row: PageRow, shape: tuple[int, ...]) -> np.ndarray | None:
        if self.maps is None:
            return None
        path = _written_map(self.maps, row.image)
        found = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if found is None:
            raise ConfigError(f"no teacher's map {path}: write it with `trainer label --maps`")
        if not _covers(found.shape, shape):
            size, page = (f"{sides[1]} × {sides[0]}" for sides in (found.shape, shape))
            raise ConfigError(
                f"{path} ({size} pixels) is the map of another page than this one ({page}): write it anew"
            )
        return np.asarray(cv2.resize(found, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.uint8)


def _covers(found: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a map of size `found` can be that of a page of size `shape`: it has its proportions, but for rounding."""
    (height, width), (page_height, page_width) = found, shape
    return abs(width * page_height - height * page_width) <= ROUNDING * (page_height + page_width)


class DrawnPages:
    """Pages of a sampler."""

    def __init__(self, sample: PageSampler, count: int) -> None:
        self.sample = sample
        self.size = count or None

    def page(self, index: int) -> PageSample:
        """Return page `index`."""
        drawn = self.sample(index)
        return PageSample(drawn.image, tuple(drawn.quads), drawn.texts, tuple(bool(skip) for skip in drawn.ignore))


def open_pages(source: PageSource, root: Path, seed: int, problems: Problems) -> Pages:
    """Return the pages of a source below `root`.

    Raises:
        ConfigError: it is missing, or holds single lines.
    """
    if not isinstance(source, LabelledSource):
        return DrawnPages(page_sampler(source, root, seed), source.count)
    rows = read_source(source, root)
    if not isinstance(rows, PageSet):
        raise ConfigError(f"{source.path} holds lines, not pages")
    return LabelledPages(rows, root / source.maps if source.maps else None, problems)


def all_pages(source: PageSource, root: Path, seed: int, problems: Problems) -> Iterator[PageSample]:
    """Yield the readable pages of a source that has an end.

    Raises:
        ConfigError: it has none, or an error of `open_pages`.
    """
    pages = open_pages(source, root, seed, problems)
    if pages.size is None:
        raise ConfigError("a source of drawn pages to validate on needs a count")
    found = (pages.page(index) for index in range(pages.size))
    return (page for page in found if page is not None)


def map_path(folder: Path, image: str) -> Path:
    """Return where the teacher's map of an image lies in a folder of maps: always below it, and each in its own place.

    Images outside the set, such as those of `trainer relabel`, get folders named after theirs.
    """
    path = Path(image)
    if _outside(path):
        parent = f"outside-{hashlib.sha256(str(path.parent).encode()).hexdigest()[:16]}"
        return folder / parent / f"{path.name}.png"
    return folder / path.parent / f"{path.name}.png"


def _outside(image: Path) -> bool:
    return bool(image.anchor) or ".." in image.parts


def _written_map(folder: Path, image: str) -> Path:
    """Return where a map is read from: an older one has the image's name with the suffix replaced."""
    path, old = map_path(folder, image), Path(image).with_suffix(".png")
    return folder / old if not path.exists() and not _outside(old) and (folder / old).exists() else path


def page_title(source: PageSource) -> str:
    """Return the name that figures of a source go by."""
    return Path(source.path).name if isinstance(source, LabelledSource) else source.kind
