"""A page as the formats see it: areas of paragraphs of lines of words, each with an upright box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from ocr_core.geometry import Points, turn_points
from ocr_core.layout.blocks import Block, Kind, find_blocks
from ocr_core.pipeline.result import Line, Page, Quad, Word
from ocr_core.recognition.words import Span, span_quad

DESCENT = 0.2
"""Where the baseline is taken to lie: by so much of the line's height above its lower edge."""

TILTED = 45.0
"""From this angle on, in degrees, a line has no slope, which would have no bound, but an angle."""


class Box(NamedTuple):
    """Whole pixels within the page; the right column and the lowest row are not part of it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A block of a page. Its paragraphs are those of running text, the items of a list, or the cells of a table."""

    kind: Kind
    paragraphs: tuple[tuple[Line, ...], ...]


class Laid(NamedTuple):
    """A page as it is laid out."""

    lines: tuple[Line, ...]
    """Those of the page, cut where cells of a table were found as one line."""
    blocks: tuple[Block, ...]
    """Of these lines."""


def laid_out(page: Page) -> Laid:
    """Return the lines and blocks of a page, found as it stands upright."""

    def upright(quad: Points) -> Points:
        return turn_points(quad, (page.width, page.height), page.rotation)

    layout = find_blocks(
        [upright(line.quad) for line in page.lines],
        [line.text for line in page.lines],
        [[(word.text, upright(word.quad)) for word in line.words] for line in page.lines],
        [(line.typed, line.space) for line in page.lines],
    )
    lines = tuple(_cut(page.lines[part.line], part.start, part.stop) for part in layout.parts)
    return Laid(lines, layout.blocks)


def _cut(line: Line, start: int, stop: int) -> Line:
    """Return a part of a line; the line itself where that is all of it."""
    if start == 0 and stop >= len(line.words):
        return line
    words = line.words[start:stop]
    first, last = words[0].quad, words[-1].quad
    quad = np.stack((first[0], last[1], last[2], first[3]))
    text = " ".join(word.text for word in words)
    return replace(line, text=text, confidence=confidence_of(words), quad=quad, words=words)


def areas_of(page: Page) -> Iterator[Area]:
    """Give the areas of a page in reading order; every line is in one of their paragraphs."""
    lines, blocks = laid_out(page)
    for block in blocks:
        groups = block.items or tuple(cell for row in block.cells for cell in row if cell) or (block.lines,)
        kept = {i for group in groups for i in group}
        rest = tuple(i for i in block.lines if i not in kept)
        groups = (*groups, rest) if rest else groups
        yield Area(block.kind, tuple(tuple(lines[i] for i in group) for group in groups))


def words_of(line: Line) -> tuple[Word, ...]:
    """Return the words of a line; where it was read without them, the line's box is shared by their lengths."""
    if line.words:
        return line.words
    texts = line.text.split()
    total = len(" ".join(texts))
    words, start = [], 0
    for text in texts:
        end = start + len(text)
        quad = span_quad(line.quad, Span(text, line.confidence, start / total, end / total))
        words.append(Word(text=text, confidence=line.confidence, quad=quad))
        start = end + 1
    return tuple(words)


def box_of(quads: Iterable[Quad], page: Page) -> Box:
    """Return the upright box around quads, in whole pixels of the page, at least one pixel wide and high."""
    points = np.concatenate(list(quads))
    left, top = np.floor(points.min(axis=0) + 0.01).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0) - 0.01).astype(int).tolist()
    left, top = min(max(left, 0), page.width - 1), min(max(top, 0), page.height - 1)
    return Box(left, top, max(left + 1, min(right, page.width)), max(top + 1, min(bottom, page.height)))


def lines_box(lines: Iterable[Line], page: Page) -> Box:
    """Return the upright box around lines."""
    return box_of([line.quad for line in lines], page)


def area_box(area: Area, page: Page) -> Box:
    """Return the upright box around an area."""
    return lines_box(chain.from_iterable(area.paragraphs), page)


def angle_of(quad: Points) -> float:
    """Return by how many degrees, counter-clockwise, text is turned: 0 is upright, 90 runs up; above −180, to 180."""
    right, up = (quad[1] + quad[2] - quad[0] - quad[3]).tolist()
    return math.degrees(math.atan2(-up, right))


def baseline_of(quad: Points) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ends of a line's baseline in pixels."""
    ends = quad[[3, 2]] + (quad[[0, 1]] - quad[[3, 2]]) * np.float32(DESCENT)
    (x0, y0), (x1, y1) = ends.astype(float).tolist()
    return (x0, y0), (x1, y1)


def slope_of(quad: Points, box: Box) -> tuple[float, float] | None:
    """Return a line's baseline as hOCR has it: its slope, and its height over the lower left corner of the line's box.

    None from `TILTED` on.
    """
    if abs(angle_of(quad)) >= TILTED:
        return None
    (x0, y0), (x1, y1) = baseline_of(quad)
    slope = (y1 - y0) / max(x1 - x0, 1.0)
    return slope, y0 + slope * (box.left - x0) - box.bottom


def confidence_of(items: Sequence[Line | Word]) -> float:
    """Return the mean confidence, between 0 and 1; 0 for nothing."""
    values = [min(1.0, max(0.0, float(item.confidence))) for item in items]
    return sum(values) / len(values) if values else 0.0


def percent(confidence: float) -> float:
    """Return a confidence as a percentage with two digits, between 0 and 100."""
    return round(100 * min(1.0, max(0.0, float(confidence))), 2)
