"""ALTO 4.4, the Library of Congress's XML of layout and text: https://www.loc.gov/standards/alto/."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.structure import (
    TILTED,
    Area,
    Box,
    angle_of,
    area_box,
    areas_of,
    baseline_of,
    box_of,
    confidence_of,
    lines_box,
    words_of,
)
from ocr_core.formats.xml import attribute, content
from ocr_core.pipeline.result import Line, Page, Quad, Word

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.loc.gov/standards/alto/ns-v4# http://www.loc.gov/standards/alto/v4/alto-4-4.xsd" \
SCHEMAVERSION="4.4">
<Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>{name}</fileName></sourceImageInformation>
<Processing ID="ocr"><processingCategory>contentGeneration</processingCategory>\
<processingSoftware><softwareName>ocr-service</softwareName></processingSoftware></Processing>
</Description>
<Layout>
"""
_FOOT = "</Layout>\n</alto>\n"


class AltoWriter:
    """Writes ALTO; a page that failed is one of the quality `Missing`, its reason the detail.

    An area is a `TextBlock`, those of lists and tables a `ComposedBlock` with a `TextBlock` for each item or cell.
    """

    def __init__(self) -> None:
        self._pages = 0
        self._name = ""

    def page(self, original: Original, page: Page | FailedPage) -> bytes:
        """Return a page, after the head, which names its file, if it is the first."""
        head = "" if self._pages else _HEAD.format(name=content(original.name))
        self._pages += 1
        return (head + "".join(_page(page, self._pages))).encode()

    def end(self) -> Iterator[bytes]:
        """Give the foot. A document without a page gets an empty one: the schema asks for one at least."""
        empty = "" if self._pages else _HEAD.format(name="") + '<Page ID="page_1" PHYSICAL_IMG_NR="1"/>\n'
        yield (empty + _FOOT).encode()


def _page(page: Page | FailedPage, sheet: int) -> Iterator[str]:
    start = f'<Page ID="page_{sheet}" PHYSICAL_IMG_NR="{page.number}"'
    if isinstance(page, FailedPage):
        yield f'{start} QUALITY="Missing" QUALITY_DETAIL="{attribute(page.reason)}"/>\n'
        return
    confidence = f"{confidence_of(page.lines):.4f}"
    yield f'{start} WIDTH="{page.width}" HEIGHT="{page.height}" PC="{confidence}" PROCESSINGREFS="ocr">\n'
    yield f"<PrintSpace {_position(Box(0, 0, page.width, page.height))}>\n"
    for number, area in enumerate(areas_of(page), start=1):
        yield from _area(page, area, f"{sheet}_{number}")
    yield "</PrintSpace>\n</Page>\n"


def _area(page: Page, area: Area, name: str) -> Iterator[str]:
    composed = len(area.paragraphs) > 1
    if composed:
        yield f'<ComposedBlock ID="area_{name}" TYPE="{area.kind}" {_position(area_box(area, page))}>\n'
    for number, lines in enumerate(area.paragraphs, start=1):
        block = f"{name}_{number}"
        rotation = angle_of(lines[0].quad)
        turned = f' ROTATION="{rotation:.1f}"' if abs(rotation) >= TILTED else ""
        yield f'<TextBlock ID="block_{block}" {_position(lines_box(lines, page))}{turned}>\n'
        for row, line in enumerate(lines, start=1):
            yield _line(page, line, f"{block}_{row}")
        yield "</TextBlock>\n"
    if composed:
        yield "</ComposedBlock>\n"


def _line(page: Page, line: Line, name: str) -> str:
    baseline = " ".join(f"{x:.1f},{y:.1f}" for x, y in baseline_of(line.quad))
    # The schema asks for a word in every line: of one without any, an empty one.
    words = words_of(line) or (Word(text="", confidence=line.confidence, quad=line.quad),)
    strings = [_string(page, word, f"{name}_{number}") for number, word in enumerate(words, start=1)]
    spaces = [_space(page, *pair) for pair in pairwise(words)]
    between = "".join(part for pair in zip(strings, [*spaces, ""], strict=True) for part in pair)
    start = f'<TextLine ID="line_{name}" {_position(box_of([line.quad], page))} BASELINE="{baseline}">'
    return f"{start}{_shape(line.quad)}{between}</TextLine>\n"


def _string(page: Page, word: Word, name: str) -> str:
    confidence = f"{confidence_of([word]):.4f}"
    where = _position(box_of([word.quad], page))
    return f'<String ID="string_{name}" CONTENT="{attribute(word.text)}" WC="{confidence}" {where}/>'


def _space(page: Page, left: Word, right: Word) -> str:
    before, after = box_of([left.quad], page), box_of([right.quad], page)
    if after.left <= before.right:  # the words touch, or the line does not run across
        return "<SP/>"
    return f'<SP WIDTH="{after.left - before.right}" HPOS="{before.right}" VPOS="{before.top}"/>'


def _shape(quad: Quad) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in quad.astype(float).tolist())
    return f'<Shape><Polygon POINTS="{points}"/></Shape>'


def _position(box: Box) -> str:
    return f'HPOS="{box.left}" VPOS="{box.top}" WIDTH="{box.width}" HEIGHT="{box.height}"'
