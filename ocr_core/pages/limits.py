"""What a file may cost."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_core.pages.images import MAX_PIXELS


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of one file, each with its reason. A page over a bound fails; the others are read."""

    pages: int = 2_000
    """Pages read in one go: what reads in about ten minutes on four cores. More are read in parts, by a selection."""
    pixels: int = MAX_PIXELS
    """Width × height of a page. A PDF's page with a larger box is rendered smaller, an image that is larger fails."""
    page_seconds: float = 20.0
    """Longest that a page of a PDF may take to parse or to render: the slowest honest pages, maps and drawings of some
    hundred thousand paths, take a few seconds; bombs take for ever."""
    memory: int = 1 << 30
    """Bytes that a PDF may need beyond its own size. A page of `pixels` takes 150 MB, a picture of as many pixels in it
    as much again, and JPEG 2000 four times as much while it is decoded."""
    characters: int = 100_000
    """Characters of a page's text layer. A page of a newspaper has 30,000; a layer over the bound is not used."""
    lines: int = 5_000
    """Lines that they form; a page of a newspaper has 2,000. More are letters strewn about, and not used."""
    objects: int = 200_000
    """Objects of a PDF's page that are looked at for pictures: a map has some ten thousand."""
