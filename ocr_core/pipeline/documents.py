"""A page of a document: its own text, what is read from its pixels, or both without doubling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from ocr_core.errors import PageTooCostlyError
from ocr_core.geometry import Points, turn_points
from ocr_core.layout.order import reading_order
from ocr_core.pages.document import Check, SourcePage
from ocr_core.pages.text_layer import EmbeddedLine
from ocr_core.pipeline.result import Line, Page, ReadOptions, Word
from ocr_core.preprocess import Pixels

TextLayer = Literal["auto", "ignore", "only"]
"""What is made of the text that a PDF carries: taken where it can be trusted and what else is seen read, never taken,
or taken as it is and nothing read."""

Read = Callable[[Pixels, ReadOptions], Page]
"""`Engine.read`, or what stands for it."""

DOUBLED = 0.5
"""Share of a line read that lies on embedded ones from which it is the same text."""
MARGIN = 8
"""Pixels of paper around the pictures of a page when these are read alone: detectors want a little."""


def read_page(
    read: Read,
    source: SourcePage,
    options: ReadOptions,
    text_layer: TextLayer = "auto",
    *,
    check: Check | None = None,
) -> Page:
    """Return the lines of a page in reading order.

    Invisible text, as OCR programs lay it on scans, is not taken by `auto`: how well it was read is unknown, and who
    asks here wants the page read. `only` gives it.

    Args:
        read: reads pixels; called at most once.
        source: the page.
        options: choices of this call. Without `detect` the page is one line, which is read.
        text_layer: what is made of the text of a PDF.
        check: called while the page is drawn; whatever it raises ends that.

    Raises:
        ImageError: the page cannot be drawn, or its text alone is asked for and too long.
    """
    if text_layer == "only":
        if source.overlong:
            raise PageTooCostlyError(f"the text layer of page {source.number} is too long")
        return _embedded(source, [line for line in source.lines if line.text], options)
    taken = _taken(source, options, text_layer)
    if not taken:
        page = read(source.render(check), options)
        return replace(page, number=source.number, dpi=source.dpi)
    page = _embedded(source, taken, options)
    if not source.unread:
        return page
    found = _read_rest(read, source, taken, options, check)
    lines = page.lines + found.lines
    return replace(page, lines=_ordered(lines, source, page.rotation), seconds=found.seconds)


def needs_look(options: ReadOptions, text_layer: TextLayer = "auto") -> bool:
    """Tell whether `read_page` asks which text of a PDF is seen (`look` of `open_document`)."""
    return text_layer == "auto" and options.detect


def needs_reading(source: SourcePage, options: ReadOptions, text_layer: TextLayer = "auto") -> bool:
    """Tell whether `read_page` will draw the page and read of its pixels."""
    return text_layer != "only" and (bool(source.unread) or not _taken(source, options, text_layer))


def _taken(source: SourcePage, options: ReadOptions, text_layer: TextLayer) -> list[EmbeddedLine]:
    """Return the lines of the text layer that stand for what is seen; none if all is to be read."""
    if not needs_look(options, text_layer) or not source.trusted:
        return []
    return [line for line in source.lines if line.seen and line.text and not line.garbled]


def _embedded(source: SourcePage, taken: Sequence[EmbeddedLine], options: ReadOptions) -> Page:
    """Return the page with these lines of its text layer alone."""
    rotation = _rotation(taken)
    return Page(
        width=source.width,
        height=source.height,
        rotation=rotation,
        lines=_ordered([_line(line, words=options.words) for line in taken], source, rotation),
        number=source.number,
        source="embedded",
        dpi=source.dpi,
    )


def _line(line: EmbeddedLine, *, words: bool) -> Line:
    return Line(
        text=line.text,
        confidence=1.0,
        quad=line.quad,
        words=tuple(Word(text=w.text, confidence=1.0, quad=w.quad) for w in line.words) if words else (),
        source="embedded",
        typed=line.typed,
        space=line.space,
    )


def _rotation(lines: Sequence[EmbeddedLine]) -> int:
    """Return the degrees clockwise that make most of the text upright."""
    letters = dict.fromkeys((0, 90, 180, 270), 0)
    for line in lines:
        right = line.quad[1] - line.quad[0]
        turned = round(float(np.degrees(np.arctan2(right[1], right[0]))) / 90) * 90 % 360
        letters[-turned % 360] += len(line.text)
    return max(letters, key=lambda degrees: letters[degrees])


def _ordered(lines: Sequence[Line], source: SourcePage, rotation: int) -> tuple[Line, ...]:
    upright = [turn_points(line.quad, (source.width, source.height), rotation) for line in lines]
    return tuple(lines[i] for i in reading_order(upright))


def _read_rest(
    read: Read, source: SourcePage, taken: Sequence[EmbeddedLine], options: ReadOptions, check: Check | None
) -> Page:
    """Read what the text layer may not tell of; return it without the lines that it does tell of."""
    pixels = source.render(check)
    covered = _drawn([line.quad for line in taken], pixels)
    rest = _drawn(source.unread, pixels)
    left, top, width, height = cv2.boundingRect(rest)
    if not width:
        return Page(width=source.width, height=source.height, rotation=0, lines=())
    part = np.full((height + 2 * MARGIN, width + 2 * MARGIN, 3), 255, np.uint8)
    inner = slice(top, top + height), slice(left, left + width)
    cv2.copyTo(pixels[inner], rest[inner], part[MARGIN:-MARGIN, MARGIN:-MARGIN])
    offset = np.array([left - MARGIN, top - MARGIN], np.float32)
    page = read(part, options)
    lines = tuple(_moved(line, offset) for line in page.lines)
    return replace(page, lines=tuple(line for line in lines if _share(line.quad, covered) < DOUBLED))


def _drawn(outlines: Sequence[Points], pixels: Pixels) -> Pixels:
    """Return H×W, 255 within the outlines."""
    mask = np.zeros(pixels.shape[:2], np.uint8)
    limit = 4 * max(pixels.shape)  # OpenCV draws in 16 bits and some; no page is larger
    for outline in outlines:
        cv2.fillConvexPoly(mask, np.round(np.clip(outline, -limit, limit)).astype(np.int32), 255)
    return mask


def _share(quad: Points, mask: Pixels) -> float:
    """Return the share of a quad, as far as it is on the page, that the mask covers."""
    left, top, width, height = cv2.boundingRect(quad)
    box = mask[max(top, 0) : top + height, max(left, 0) : left + width]
    own = np.zeros(box.shape, np.uint8)
    shift = np.array([max(left, 0), max(top, 0)], np.float32)
    cv2.fillConvexPoly(own, np.round(quad - shift).astype(np.int32), 1)
    return float(np.count_nonzero(box[own > 0])) / max(float(np.count_nonzero(own)), 1.0)


def _moved(line: Line, offset: Points) -> Line:
    words = tuple(replace(word, quad=word.quad + offset) for word in line.words)
    return replace(line, quad=line.quad + offset, words=words)
