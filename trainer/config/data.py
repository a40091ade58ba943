"""What a run reads: sources of lines and pages, their mixture and augmentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ocr_core.charset import LATIN
from trainer.config.sections import Share, Strict

CELL = 32
"""Pixels that a cell of a detector's coarsest map covers: its inputs are multiples of it."""


class LabelledSource(Strict):
    """Labelled images on disk."""

    kind: Literal["labels", "paddle", "icdar"]
    """`labels`: a folder with labels.jsonl; `paddle`: PaddleOCR's label file; `icdar`: images and gt_*.txt."""
    path: str
    """The folder or label file, relative to --data."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the samples drawn from this source, relative to the others."""
    rows: Literal["train", "validate", "all"] = "train"
    """`train` leaves out the images that validate: sha1 of the file name, as a number, mod 8 is 0."""
    skip: int = Field(default=0, ge=0)
    """Leave out the first so many of these images."""
    limit: int = Field(default=0, ge=0)
    """Take the first so many of the others; 0: all."""
    maps: str = ""
    """Folder of a teacher's maps of these pages, written by `trainer label --maps`, relative to --data."""
    recut: bool = False
    """Cut each line anew every time it is shown, along another box, sharp or blurred; for words of photographs."""


class RenderedSource(Strict):
    """Text drawn by `trainer.render`, as much as is asked for."""

    kind: Literal["rendered"]
    """Drawn text."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the samples drawn from this source, relative to the others."""
    fonts: str = ""
    """Folder of fonts, relative to --data; empty: the installed fonts; `matplotlib`: those that it brings."""
    font: str = ""
    """File name of the one font to draw with; empty: all of them."""
    texts: str = ""
    """File of words and texts that `trainer pack` wrote, relative to --data; empty: the installed ones."""
    mix: dict[str, float] = Field(default_factory=dict)
    """Weights of the domains of lines, or of the kinds of pages; empty: the renderer's default."""
    photographs: str = ""
    """Labelled set of photographs, relative to --data: streets are drawn on places of theirs without text."""
    count: int = Field(default=0, ge=0)
    """Draw only so many different samples, again and again; 0: never the same twice."""
    seed: int | None = Field(default=None, ge=0)
    """Decides what is drawn; unset: the run's seed, and where it validates one that no training uses."""


class RenderedLinesSource(RenderedSource):
    """Rendered lines."""

    max_length: int = Field(default=96, ge=1)
    """Characters of a line at most."""
    short_first: int = Field(default=0, ge=0)
    """So many lines at the start have `short_length` characters at most: letters are learned sooner on short lines."""
    short_length: int = Field(default=10, ge=1)
    """Characters of the first lines at most."""


class RenderedPagesSource(RenderedSource):
    """Rendered pages."""

    size: int = Field(default=640, ge=CELL)
    """Width and height in pixels."""
    characters: str = LATIN
    """Characters that are drawn; the default are those of `ppocrv2-en`."""


class PdfSource(Strict):
    """Real layouts with exact truth: PDFs with embedded text, rasterised and degraded."""

    kind: Literal["pdf"]
    """PDF files."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the samples drawn from this source, relative to the others."""
    folder: str = ""
    """Folder of PDFs, relative to --data; empty: the documentation installed on this machine."""
    count: int = Field(default=0, ge=0)
    """Draw only so many different samples, again and again; 0: never the same twice."""
    seed: int | None = Field(default=None, ge=0)
    """Decides what is drawn; unset: the run's seed, and where it validates one that no training uses."""


class PdfLinesSource(PdfSource):
    """Lines of PDFs."""

    max_length: int = Field(default=96, ge=1)
    """Characters of a line at most."""


class PdfPagesSource(PdfSource):
    """Pages of PDFs, or parts of them."""

    characters: str = LATIN
    """Lines with other characters are marked as unreadable."""

    size: int = Field(default=640, ge=CELL)
    """Width and height in pixels."""


LineSource = Annotated[LabelledSource | RenderedLinesSource | PdfLinesSource, Field(discriminator="kind")]
PageSource = Annotated[LabelledSource | RenderedPagesSource | PdfPagesSource, Field(discriminator="kind")]


class RecognizerData(Strict):
    """Lines to learn from and lines to be judged on."""

    train: tuple[LineSource, ...] = Field(min_length=1)
    """Sources of training lines."""
    validate_on: tuple[LineSource, ...] = Field(min_length=1)
    """Sources of validation lines; a rendered one needs `count`."""
    batch: int = Field(default=32, ge=1)
    """Lines in a batch (of each process)."""
    group: int = Field(default=16, ge=1)
    """Batches prepared together: their lines are sorted by width so that a batch wastes little padding."""
    widths: tuple[int, ...] = (48, 96, 160, 240, 320, 480, 640, 960)
    """Widths in pixels, ascending, to which batches are padded; longer lines are left out and counted."""
    augment: Share = 0.4
    """Probability of each augmentation of labelled crops (facts 6.3); rendered lines bring their own."""

    @model_validator(mode="after")
    def _widths_ascend(self) -> RecognizerData:
        if list(self.widths) != sorted(set(self.widths)) or min(self.widths, default=0) < 8:
            raise ValueError("widths must ascend from 8 or more")
        return self


class ClassifierData(Strict):
    """Lines to learn the direction of; each is shown upright or upside down."""

    train: tuple[LineSource, ...] = Field(min_length=1)
    """Sources of training lines."""
    validate_on: tuple[LineSource, ...] = Field(min_length=1)
    """Sources of validation lines; a drawn one needs `count`."""
    batch: int = Field(default=64, ge=1)
    """Lines in a batch (of each process); 512 in PaddleOCR."""
    augment: Share = 0.4
    """Probability of each augmentation of labelled crops (facts 6.3); drawn lines bring their own."""


class DetectorData(Strict):
    """Pages to learn from and pages to be judged on."""

    train: tuple[PageSource, ...] = Field(min_length=1)
    """Sources of training pages."""
    validate_on: tuple[PageSource, ...] = Field(min_length=1)
    """Sources of validation pages; a rendered one needs `count`."""
    batch: int = Field(default=8, ge=1)
    """Views in a batch (of each process); 8 in the paper."""
    group: int = Field(default=4, ge=1)
    """Batches prepared together; drawn pages give each other text to paste within them."""
    views: int = Field(default=1, ge=1)
    """Views cut out of each page, each augmented on its own: rendering a page costs more than cutting one."""
    size: int = Field(default=960, ge=CELL, multiple_of=CELL)
    """Width and height of a view in pixels; 960 in the paper."""
    copy_paste: Share = 0.2
    """How much of another page's text is pasted, as a share of its lines (PP-OCRv2, section 2.1); 0: none."""
    flip: Share = 0.5
    """Probability of a mirrored view; no recognizer will ever read it."""
    rotate: float = Field(default=10.0, ge=0, le=180)
    """Degrees by which a view is turned at most, to either side."""
    quarter_turns: Share = 0.0
    """Probability that a page lies on its side or upside down, by 90, 180 or 270 degrees."""
    scale: tuple[float, float] = (0.5, 3.0)
    """Range of the factor by which a page is scaled."""
    crop: Literal["east", "window"] = "east"
    """`east`: cut between lines and scale the cut to the view's size (facts 3.7); `window`: a view-sized window."""
    min_text: float = Field(default=8.0, ge=0)
    """Text of fewer pixels in height or width is neither right nor wrong."""
    least_core: float = Field(default=0.0, ge=0)
    """Cores of fewer pixels weigh as if they had so many, up to four times; 0: pixels count alike, as in the paper."""

    @model_validator(mode="after")
    def _scale_ascends(self) -> DetectorData:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError("scale must be two factors, the lower one first")
        return self
