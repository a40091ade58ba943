"""Files as text for agents: within the limits of the service, page by page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ocr_core.formats.base import FailedPage, Original
from ocr_core.formats.registry import FORMATS
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document
from ocr_core.pages.selection import select_pages
from ocr_core.pipeline.documents import read_page
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Page, ReadOptions
from service.engine.ticket import Ticket
from service.http import schemas
from service.http.problems import problem_of, report
from service.settings import Settings

Form = Literal["text", "markdown", "boxes"]
Outcome = Page | Exception


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What is asked of a file."""

    form: Form = "text"
    pages: str | None = None
    password: str | None = None


class FileReader:
    """Reads files with `engine`; may be called from any thread."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    def ticket(self) -> Ticket:
        """Return what a call is given up by, and ends by."""
        return Ticket(time.monotonic() + self._settings.document_timeout_seconds)

    def read(self, name: str, data: bytes, wish: Wish, ticket: Ticket) -> str:
        """Return a file as text, as Markdown, or as JSON with a page's lines and their places.

        Raises:
            OcrError: no page could be read; where others could, it is said in the place of the page.
        """
        pages = list(self._pages(data, wish, ticket))
        failed = [outcome for _, outcome in pages if isinstance(outcome, Exception)]
        if len(failed) == len(pages):
            raise failed[0]
        if wish.form == "boxes":
            return json.dumps({"pages": [_boxes(name, *page) for page in pages]}, ensure_ascii=False)
        writer = FORMATS[wish.form].new_writer()
        original = Original(name=name, data=b"", password=None)
        written = [writer.page(original, _page(*page)) for page in pages]
        return b"".join([*written, *writer.end()]).decode()

    def _pages(self, data: bytes, wish: Wish, ticket: Ticket) -> Iterator[tuple[int, Outcome]]:
        """Give the number of each page, from 1, and what it gave."""
        limits = Limits(pages=self._settings.max_pages, pixels=self._settings.max_pixels)
        options = ReadOptions(words=wish.form in FORMATS and FORMATS[wish.form].words)
        with open_document(data, limits=limits, password=wish.password, check=ticket.check) as document:
            for index in select_pages(wish.pages, len(document), limits.pages):
                ticket.require_wanted()
                part = ticket.part(self._settings.page_timeout_seconds)
                try:
                    source = document.page(index, check=part.check)
                    yield index + 1, read_page(self._engine.read, source, options, check=part.check)
                except Exception as error:
                    ticket.require_wanted()
                    report(error)
                    yield index + 1, error


def _boxes(name: str, number: int, outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, Exception):
        page = schemas.Page(file=name, page=number, error=problem_of(outcome))
    else:
        page = schemas.Page.of(name, outcome)
    body = page.model_dump(mode="json", exclude_none=True)
    for line in body["lines"]:
        del line["words"]
    return body


def _page(number: int, outcome: Outcome) -> Page | FailedPage:
    return FailedPage(number=number, reason=problem_of(outcome).detail) if isinstance(outcome, Exception) else outcome
