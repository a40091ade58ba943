"""Real layouts: PDFs with embedded text, rasterised with the boxes of their lines, then degraded as drawn pages are."""

from __future__ import annotations

import gzip
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
from numpy.typing import NDArray

from trainer.render.corpus import plain_typography
from trainer.render.draws import whole
from trainer.render.spaces import are_seen, in_columns

Rng = np.random.Generator
Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]

FOLDERS = (Path("/usr/share/doc"), Path("/usr/share/texlive/texmf-dist/doc"))
SPECIMENS = ("texgyre", "tex-gyre", "fonts-sil")
"""Tables of a font's glyphs, whose text is not what is seen."""
WIDE_GAP = 1.6
"""A gap of more than so many heights of the text ends a line, as between columns."""
OPEN_DOCUMENTS = 8
SEEN_CONTRAST = 24
"""Grey levels that a word's box spans at least, in some colour, where it is seen at all."""
LARGEST_PAGE = 8_000_000
"""Pixels of a page on which its words are looked for, at one a point: a sheet as large as A0."""


@dataclass(frozen=True, slots=True)
class PdfLine:
    """A line's text, its ink's box (left, top, right, bottom) and its characters' spans [n, 2], in points from the top.

    `readable` is false where a character is outside the set, the line does not run from left to right, a word of it is
    not seen, or its text has spaces where there is no more room than between letters, or between most letters: a
    network that learned "p r i n t" would read all listings so. Where letters stand in columns, the columns tell the
    spaces.
    """

    text: str
    box: Box
    spans: Floats
    readable: bool


@dataclass(frozen=True, slots=True)
class PdfPage:
    """A page's size in points and its lines."""

    width: float
    height: float
    lines: tuple[PdfLine, ...]


class PdfLibrary:
    """PDF files with the number of their pages; documents are opened when a page is asked for, never across a fork."""

    def __init__(self, files: Sequence[tuple[Path, int]], characters: frozenset[str]) -> None:
        if not files:
            raise ValueError(
                "no readable PDF: install the packages of trainer/render/corpora.txt, or name other folders"
            )
        self.files = tuple(files)
        self._characters = characters
        self._open: OrderedDict[int, Any] = OrderedDict()
        self._page = lru_cache(maxsize=64)(self._read)

    @classmethod
    def from_folders(cls, characters: frozenset[str], folders: Iterable[str | Path] = FOLDERS) -> PdfLibrary:
        """Every .pdf and .pdf.gz below the folders that opens and has pages."""
        counted = ((path, _page_count(path)) for path in pdf_files(folders))
        return cls([(path, count) for path, count in counted if count], characters)

    def draw(self, rng: Rng) -> tuple[int, int, PdfPage]:
        """A document and a page of it with at least three readable lines, most of its text in the character set.

        Raises:
            LookupError: fifty pages drawn had none.
        """
        for _ in range(50):
            at = whole(rng, 0, len(self.files) - 1)
            number = whole(rng, 0, self.files[at][1] - 1)
            page = self._page(at, number)
            readable = sum(line.readable for line in page.lines)
            if readable >= 3 and readable > 0.6 * len(page.lines):
                return at, number, page
        raise LookupError("no page with text in the character set in fifty draws")

    def raster(self, at: int, number: int, scale: float, box: Box) -> NDArray[np.uint8]:
        """The part `box` (left, top, right, bottom, in points from the top) of a page: BGR, `scale` pixels a point."""
        page = self._document(at)[number]
        width, height = page.get_size()
        left, top, right, bottom = box
        bitmap = page.render(scale=scale, crop=(left, max(height - bottom, 0), max(width - right, 0), top))
        return np.asarray(bitmap.to_numpy()[..., :3], np.uint8)

    def _read(self, at: int, number: int) -> PdfPage:
        page = self._document(at)[number]
        width, height = page.get_size()
        if page.get_rotation():  # boxes are those of the page before it is turned
            return PdfPage(width, height, ())
        left, bottom, _, _ = page.get_bbox()
        lines = _lines(page.get_textpage(), (left, bottom), height, self._characters)
        lines = [found for line in lines if (found := _on_page(line, width, height))]
        if any(line.readable for line in lines):
            scale = min(1.0, float(np.sqrt(LARGEST_PAGE / (width * height))))
            pixels = self.raster(at, number, scale, (0, 0, width, height))
            lines = [replace(line, readable=line.readable and _is_seen(line, pixels, scale)) for line in lines]
        return PdfPage(width, height, tuple(lines))

    def _document(self, at: int) -> Any:
        document = self._open.pop(at, None)
        if document is None:
            document = _load(self.files[at][0])
            if len(self._open) >= OPEN_DOCUMENTS:
                self._open.popitem(last=False)[1].close()
        self._open[at] = document
        return document


def pdf_files(folders: Iterable[str | Path]) -> list[Path]:
    """Return every .pdf and .pdf.gz below the folders but for tables of glyphs."""
    paths = sorted({path for folder in folders for path in Path(folder).rglob("*.pdf*") if path.is_file()})
    named = [path for path in paths if path.name.endswith((".pdf", ".pdf.gz"))]
    return [path for path in named if not any(name in str(path) for name in SPECIMENS)]


def _on_page(line: PdfLine, width: float, height: float) -> PdfLine | None:
    """The line, not readable if it leaves the page, None if none of it is on the page: PDFs hold such text."""
    left, top, right, bottom = line.box
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return None
    inside = left >= 0 and top >= 0 and right <= width and bottom <= height
    return line if inside else replace(line, readable=False)


def _is_seen(line: PdfLine, pixels: NDArray[np.uint8], scale: float) -> bool:
    """Whether each word of a line has ink where it stands: text may be white, transparent, covered or clipped away."""
    _, top, _, bottom = line.box
    rows = pixels[int(top * scale) : ceil(bottom * scale)]
    for word in re.finditer("[^ ]+", line.text):
        left, right = float(line.spans[word.start(), 0]), float(line.spans[word.end() - 1, 1])
        part = rows[:, int(left * scale) : ceil(right * scale)].reshape(-1, 3)
        if not len(part) or int(np.ptp(part, axis=0).max()) < SEEN_CONTRAST:
            return False
    return True


def _load(path: Path) -> Any:
    return pypdfium2.PdfDocument(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path)


def _page_count(path: Path) -> int:
    try:
        document = _load(path)
    except (pypdfium2.PdfiumError, OSError):
        return 0
    count = len(document)
    document.close()
    return count


def _lines(textpage: Any, corner: tuple[float, float], height: float, characters: frozenset[str]) -> list[PdfLine]:
    """Splits the characters, in the order of the text, at line ends and at wide gaps.

    Args:
        textpage: of pypdfium2.
        corner: the page's lower left corner in the coordinates of the file, which need not begin there.
        height: of the page.
        characters: that a readable line is made of.
    """
    text = textpage.get_text_range()
    if len(text) != textpage.count_chars():
        return []  # characters beyond the basic plane: positions would not match
    boxes = np.array([textpage.get_charbox(at) for at in range(len(text))]).reshape(-1, 4)
    boxes = np.asarray(boxes - np.array(2 * corner), np.float32)
    lines: list[PdfLine] = []
    run: list[int] = []
    for at, character in enumerate(text):
        if character in "\r\n" or (run and not character.isspace() and _jumps(boxes, run, at)):
            lines += _line(text, boxes, run, height, characters)
            run = []
        if character not in "\r\n" and (run or not character.isspace()):
            run.append(at)
    return lines + _line(text, boxes, run, height, characters)


def _jumps(boxes: Floats, run: Sequence[int], at: int) -> bool:
    """Whether character `at` stands far from the one before it: in another column, or on another line."""
    before = next((boxes[i] for i in reversed(run) if boxes[i][2] > boxes[i][0]), boxes[run[-1]])
    tall = max(max(float(boxes[i][3] - boxes[i][1]) for i in run[-12:]), 2.0)
    left, bottom, _, top = boxes[at]
    gap = float(left - before[2])
    apart = bottom > before[3] + 0.5 * tall or top < before[1] - 0.5 * tall
    return gap > WIDE_GAP * tall or gap < -1.5 * tall or bool(apart)


def _line(text: str, boxes: Floats, run: Sequence[int], height: float, characters: frozenset[str]) -> list[PdfLine]:
    inked = [at for at in run if not text[at].isspace() and boxes[at][2] > boxes[at][0]]
    kept = _shown(text, boxes, run, frozenset(inked)) if inked else []
    if not kept:
        return []
    ink = boxes[inked]
    left, right = float(ink[:, 0].min()), float(ink[:, 2].max())
    top, bottom = height - float(ink[:, 3].max()), height - float(ink[:, 1].min())
    words, spans = "".join(c for c, _, _ in kept), _in_order([(start, end) for _, start, end in kept])
    known = all(c in characters or c == " " for c in words)
    level = len(words) < 3 or (right - left) > 0.8 * (bottom - top)
    spaced = are_seen(words, spans)
    if not spaced and (columns := in_columns(words, spans, bottom - top)):
        words, spans, spaced = "".join(words[at] for at in columns), spans[columns], True
    readable = known and level and bottom - top > 2 and spaced
    return [PdfLine(words, (left, top, right, bottom), spans, readable)]


def _shown(text: str, boxes: Floats, run: Sequence[int], inked: frozenset[int]) -> list[tuple[str, float, float]]:
    """The characters of a run as they are typed, each with its start and end; none where all of them have no shape."""
    kept: list[tuple[str, float, float]] = []
    for at in run:
        shown = plain_typography("-" if text[at] in "\x02\ufffe" else " " if text[at].isspace() else text[at])
        left, right = (float(boxes[at][0]), float(boxes[at][2])) if at in inked or not kept else (kept[-1][2],) * 2
        if shown and not (shown == " " and (not kept or kept[-1][0] == " ")):
            step = (right - left) / len(shown)
            kept += [(c, left + i * step, left + (i + 1) * step) for i, c in enumerate(shown)]
    while kept and kept[-1][0] == " ":
        kept.pop()
    return kept


def _in_order(spans: Sequence[tuple[float, float]]) -> Floats:
    """The spans [n, 2] of which none begins before the one ahead of it has ended, as letters do that are set back."""
    found = np.array(spans, np.float32)
    found[:, 1] = np.maximum.accumulate(found.max(axis=1))
    found[1:, 0] = np.maximum(found[1:, 0], found[:-1, 1])
    return found
