"""hOCR 1.2: XHTML whose `title` attributes say where each page, area, paragraph, line and word is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.structure import (
    Area,
    Box,
    angle_of,
    area_box,
    areas_of,
    box_of,
    lines_box,
    percent,
    slope_of,
    words_of,
)
from ocr_core.formats.xml import attribute, content
from ocr_core.pipeline.result import Line, Page

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>{title}</title>
<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
<meta name="ocr-system" content="ocr-service"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_wconf"/>
</head>
<body>
"""
_FOOT = "</body>\n</html>\n"


class HocrWriter:
    """Writes hOCR; a page that failed has no size, and its reason as the property `x_error`."""

    def __init__(self) -> None:
        self._pages = 0

    def page(self, original: Original, page: Page | FailedPage) -> bytes:
        """Return a page, after the head if it is the first."""
        head = "" if self._pages else _HEAD.format(title=content(original.name))
        self._pages += 1
        return (head + "".join(_page(original, page, self._pages))).encode()

    def end(self) -> Iterator[bytes]:
        """Give the foot."""
        yield (_FOOT if self._pages else _HEAD.format(title="") + _FOOT).encode()


def _page(original: Original, page: Page | FailedPage, sheet: int) -> Iterator[str]:
    properties = [f"image {_quoted(original.name)}", f"ppageno {page.number - 1}"]
    if isinstance(page, FailedPage):
        properties += ["bbox 0 0 0 0", f"x_error {_quoted(page.reason)}"]
        yield f"{_open('div', 'ocr_page', f'page_{sheet}', *properties)}</div>\n"
        return
    properties.append(_bbox(Box(0, 0, page.width, page.height)))
    if page.dpi:
        properties.append(f"scan_res {page.dpi:g} {page.dpi:g}")
    yield f"{_open('div', 'ocr_page', f'page_{sheet}', *properties)}\n"
    for number, area in enumerate(areas_of(page), start=1):
        yield from _area(page, area, f"{sheet}_{number}")
    yield "</div>\n"


def _area(page: Page, area: Area, name: str) -> Iterator[str]:
    yield f"{_open('div', 'ocr_carea', f'block_{name}', _bbox(area_box(area, page)))}\n"
    for number, lines in enumerate(area.paragraphs, start=1):
        yield f"{_open('p', 'ocr_par', f'par_{name}_{number}', _bbox(lines_box(lines, page)))}\n"
        for row, line in enumerate(lines, start=1):
            yield _line(page, line, f"{name}_{number}_{row}")
        yield "</p>\n"
    yield "</div>\n"


def _line(page: Page, line: Line, name: str) -> str:
    box = box_of([line.quad], page)
    words = [
        _open("span", "ocrx_word", f"word_{name}_{number}", _bbox(box_of([word.quad], page)), _wconf(word.confidence))
        + f"{content(word.text)}</span>"
        for number, word in enumerate(words_of(line), start=1)
    ]
    start = _open("span", "ocr_line", f"line_{name}", _bbox(box), *_slant(line, box))
    return f"{start}{' '.join(words)}</span>\n"


def _slant(line: Line, box: Box) -> Iterator[str]:
    """Give the baseline, as slope and offset from the lower left corner of the box, or the angle of the text."""
    slope = slope_of(line.quad, box)
    yield f"baseline {slope[0]:.4f} {slope[1]:.1f}" if slope else f"textangle {angle_of(line.quad):.1f}"
    yield f"x_size {math.dist(line.quad[0], line.quad[3]):.1f}"


def _open(tag: str, kind: str, name: str, *properties: str) -> str:
    return f'<{tag} class="{kind}" id="{name}" title="{attribute("; ".join(properties))}">'


def _bbox(box: Box) -> str:
    return f"bbox {box.left} {box.top} {box.right} {box.bottom}"


def _wconf(confidence: float) -> str:
    return f"x_wconf {round(percent(confidence))}"


def _quoted(text: str) -> str:
    """Return a delimited string of the title's grammar, which knows no escapes: what would end it is left out."""
    return '"' + "".join(" " if c in '";\\' or not c.isprintable() else c for c in text) + '"'
