"""What `ocr read` reads: the pages of files, side by side, given in order as each is done."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.common import STANDARD, TextLayerChoice
from service.cli.drawing import Drawings, draw, drawn_once
from service.cli.output import require_drawable

if TYPE_CHECKING:
    from ocr_core.formats.base import Original
    from ocr_core.pages.document import Document
    from ocr_core.pipeline.engine import Engine
    from ocr_core.pipeline.result import Page, ReadOptions

MAX_PAGES = 1_000_000
"""Whoever sits at the terminal may read as long as he likes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is asked for."""

    options: ReadOptions
    pages: str | None
    password: str | None
    text_layer: TextLayerChoice
    max_pixels: int
    draw: Drawings | None
    """Where the boxes are drawn to."""
    keep: bool
    """Hand on the bytes of the files too."""


@dataclass(frozen=True, slots=True)
class Result:
    """A page, or why it could not be read."""

    original: Original
    number: int
    page: Page | Exception


@dataclass(frozen=True, slots=True)
class _Task:
    """A page to read; the last one of a document closes it."""

    read: Callable[[], Result]
    document: Document | None = None


def read_files(
    engine: Engine, files: Sequence[Path], order: Order, *, on_open: Callable[[int], None]
) -> Iterator[Result]:
    """Read the pages of files; however many there are, few are held at a time.

    Args:
        engine: reads them, as many side by side as it computes.
        files: `-` is standard input.
        order: what is asked for.
        on_open: told how many pages a file gives, when it is opened.
    """
    streams = engine.backend.policy.streams
    waiting: deque[tuple[Future[Result], Document | None]] = deque()
    opened: set[Document] = set()

    def first() -> Result:
        future, document = waiting.popleft()
        result = future.result()
        if document is not None:
            _close(document, opened)
        return result

    with ThreadPoolExecutor(streams) as pool:
        try:
            for task in _tasks(engine, files, order, opened, on_open):
                waiting.append((pool.submit(task.read), task.document))
                if len(waiting) > 2 * streams:  # the next ones are at hand, and results that wait for their turn few
                    yield first()
            while waiting:
                yield first()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for document in list(opened):
                _close(document, opened)


def _close(document: Document, opened: set[Document]) -> None:
    opened.discard(document)
    document.close()


def _tasks(
    engine: Engine, files: Sequence[Path], order: Order, opened: set[Document], on_open: Callable[[int], None]
) -> Iterator[_Task]:
    from ocr_core.errors import ImageError, OcrError
    from ocr_core.formats.base import Original

    for path in files:
        original = Original(name=str(path), data=b"", password=order.password)
        try:
            data = sys.stdin.buffer.read() if path == STANDARD else path.read_bytes()
            original = replace(original, data=data if order.keep else b"")
            document, indices = _open(data, order)
        except (OcrError, OSError) as error:
            reason = error if isinstance(error, OcrError) else ImageError(error.strerror)
            on_open(1)
            yield _Task(_failing(Result(original, 1, reason)))
            continue
        opened.add(document)
        on_open(len(indices))
        if order.draw is not None:
            require_drawable(order.draw.place, several=len(indices) > 1)
        for index in indices:
            alone = len(files) == len(indices) == 1
            target = order.draw.target(path, index + 1, alone=alone) if order.draw else None
            task = _reading(engine, document, index, order, original, target)
            yield _Task(task, document if index == indices[-1] else None)


def _open(data: bytes, order: Order) -> tuple[Document, Sequence[int]]:
    """Open a file; return it with the indices of its chosen pages."""
    from ocr_core.pages.limits import Limits
    from ocr_core.pages.opening import open_document
    from ocr_core.pages.selection import select_pages
    from ocr_core.pipeline.documents import needs_look

    limits = Limits(pages=MAX_PAGES, pixels=order.max_pixels)
    look = needs_look(order.options, order.text_layer.value)
    document = open_document(data, limits=limits, password=order.password, look=look)
    try:
        return document, select_pages(order.pages, len(document), limits.pages)
    except BaseException:
        document.close()
        raise


def _failing(result: Result) -> Callable[[], Result]:
    return lambda: result


def _reading(
    engine: Engine, document: Document, index: int, order: Order, original: Original, target: Path | None
) -> Callable[[], Result]:
    from ocr_core.errors import OcrError
    from ocr_core.pipeline.documents import read_page

    def read() -> Result:
        try:
            source = document.page(index)
            if target is not None:
                source = drawn_once(source)
            page = read_page(engine.read, source, order.options, order.text_layer.value)
            if target is not None:
                draw(source, page, target)
        except OcrError as error:
            return Result(original, index + 1, error)
        return Result(original, index + 1, page)

    return read
