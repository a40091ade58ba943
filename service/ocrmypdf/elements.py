"""A page as the tree of elements that OCRmyPDF takes from version 17 on."""

from __future__ import annotations

from typing import Any

from ocrmypdf.hocrtransform import Baseline, BoundingBox, OcrClass, OcrElement

from ocr_core.formats.structure import (
    Area,
    Box,
    angle_of,
    area_box,
    areas_of,
    box_of,
    lines_box,
    slope_of,
    words_of,
)
from ocr_core.pipeline.result import Line, Page


def page_element(page: Page, dpi: tuple[float, float], number: int) -> Any:
    """Return the tree of a page: areas, paragraphs, lines, words.

    Args:
        page: as it was read.
        dpi: pixels an inch, across and down.
        number: of the page, from 0.
    """
    box = Box(0, 0, page.width, page.height)
    areas = [_area(area, page) for area in areas_of(page)]
    return OcrElement(ocr_class=OcrClass.PAGE, bbox=_bounds(box), children=areas, dpi=dpi[0], page_number=number)


def _area(area: Area, page: Page) -> Any:
    paragraphs = [
        OcrElement(
            ocr_class=OcrClass.PARAGRAPH,
            bbox=_bounds(lines_box(lines, page)),
            children=[_line(line, page) for line in lines],
        )
        for lines in area.paragraphs
    ]
    return OcrElement(ocr_class=OcrClass.CAREA, bbox=_bounds(area_box(area, page)), children=paragraphs)


def _line(line: Line, page: Page) -> Any:
    box = box_of([line.quad], page)
    slope = slope_of(line.quad, box)
    baseline = Baseline(slope=slope[0], intercept=slope[1]) if slope else None
    words = [
        OcrElement(
            ocr_class=OcrClass.WORD,
            bbox=_bounds(box_of([word.quad], page)),
            poly=[(x, y) for x, y in word.quad.astype(float).tolist()],
            text=word.text,
            confidence=word.confidence,
        )
        for word in words_of(line)
    ]
    return OcrElement(
        ocr_class=OcrClass.LINE,
        bbox=_bounds(box),
        children=words,
        baseline=baseline,
        textangle=None if slope else angle_of(line.quad),
    )


def _bounds(box: Box) -> Any:
    return BoundingBox(left=box.left, top=box.top, right=box.right, bottom=box.bottom)
