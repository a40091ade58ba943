"""Tab-separated values with the columns of Tesseract's: a row for each page, block, paragraph, line and word."""

from __future__ import annotations

from collections.abc import Iterator

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.structure import Box, area_box, areas_of, box_of, lines_box, percent, words_of
from ocr_core.pipeline.result import Line, Page

COLUMNS = (
    *("level", "page_num", "block_num", "par_num", "line_num", "word_num"),
    *("left", "top", "width", "height", "conf", "text"),
)
"""`level` is 1 for a page, 2 for a block, 3 for a paragraph, 4 for a line, 5 for a word.

`conf` is 0–100 for words, else −1. Boxes are in pixels. Pages are counted on from file to file."""

_Numbers = tuple[int, int, int, int, int]


class TsvWriter:
    """Writes TSV; a page that failed is a row without size."""

    def __init__(self) -> None:
        self._pages = 0

    def page(self, original: Original, page: Page | FailedPage) -> bytes:  # noqa: ARG002
        """Return the rows of a page, after the head if it is the first."""
        head = "" if self._pages else _head()
        self._pages += 1
        rows = [_row(1, (self._pages, 0, 0, 0, 0), Box(0, 0, 0, 0))]
        if isinstance(page, Page):
            rows = list(_page_rows(page, self._pages))
        return (head + "".join(rows)).encode(errors="replace")

    def end(self) -> Iterator[bytes]:
        """Give the head, if there was no page."""
        if not self._pages:
            yield _head().encode()


def _page_rows(page: Page, number: int) -> Iterator[str]:
    yield _row(1, (number, 0, 0, 0, 0), Box(0, 0, page.width, page.height))
    for block, area in enumerate(areas_of(page), start=1):
        yield _row(2, (number, block, 0, 0, 0), area_box(area, page))
        for paragraph, lines in enumerate(area.paragraphs, start=1):
            yield _row(3, (number, block, paragraph, 0, 0), lines_box(lines, page))
            for row, line in enumerate(lines, start=1):
                yield from _line_rows(page, line, (number, block, paragraph, row, 0))


def _line_rows(page: Page, line: Line, numbers: _Numbers) -> Iterator[str]:
    yield _row(4, numbers, box_of([line.quad], page))
    for word, found in enumerate(words_of(line), start=1):
        box = box_of([found.quad], page)
        yield _row(5, (*numbers[:4], word), box, f"{percent(found.confidence):g}", _plain(found.text))


def _row(level: int, numbers: _Numbers, box: Box, confidence: str = "-1", text: str = "") -> str:
    cells = (level, *numbers, box.left, box.top, box.width, box.height, confidence, text)
    return "\t".join(map(str, cells)) + "\n"


def _head() -> str:
    return "\t".join(COLUMNS) + "\n"


def _plain(text: str) -> str:
    """Return a text without what ends cells and rows."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
