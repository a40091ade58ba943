"""One file, from its bytes to its outputs and its entry. Runs in the processes that read, from several threads."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import IO, Any, NoReturn, Protocol

import fsspec

import ocr_core
from ocr_core.backends import BackendName, Precision
from ocr_core.errors import ImageError, OcrError
from ocr_core.formats.base import FailedPage, Original, Writer
from ocr_core.formats.registry import FORMATS
from ocr_core.pages.document import Document
from ocr_core.pages.images import MAX_PIXELS
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document
from ocr_core.pages.selection import select_pages
from ocr_core.pipeline.documents import TextLayer, read_page
from ocr_core.pipeline.result import Page, ReadOptions
from ocr_core.preprocess import Pixels
from service.bulk.destination import OWN, NameRefusedError, open_destination
from service.bulk.errors import StoppedError
from service.bulk.items import Item, is_url
from service.bulk.jsonl import JsonLinesWriter
from service.bulk.manifest import Entry

log = logging.getLogger(__name__)

JSONL = "jsonl"
SUFFIXES = {JSONL: ".jsonl"} | {name: form.suffix for name, form in FORMATS.items()}
"""Of the outputs, by format; each is appended to the whole name of a file, so that a.png and a.jpg stay apart."""
MAX_BYTES = 1 << 30
"""Largest file that is read: it is held in memory as a whole, and a thousand pages scanned in colour are half of it."""
MAX_PAGES = 100_000
"""Of one file: a manifest of a run has an entry a file, and whoever has more pages in one parts them by `--pages`."""
HOPELESS = 100
"""Pages that fail, with none read, before a file is given up: a TIFF of two megabytes may hold a hundred thousand."""


class FileRefusedError(ImageError):
    """A file that cannot be read from where it lies."""

    code = "file_refused"


class Engine(Protocol):
    """What reads: `ocr_core.pipeline.engine.Engine`, or what stands for it."""

    @property
    def backend(self) -> Any:
        """Its `policy.streams` are the inferences that run side by side."""
        ...

    def read(self, pixels: Pixels, options: ReadOptions) -> Page:
        """Read a page; called from any thread."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is asked for; all that a process that reads must know."""

    target: str
    """Folder or URL of the outputs."""
    shard: str
    model: str
    """`name@version`: the same for all processes, though a store's current version changes meanwhile."""
    digest: str
    """sha256 of the bundle's manifest."""
    store: str | None = None
    backend: BackendName = "auto"
    threads: int = 1
    """Cores of each process."""
    precision: Precision = "auto"
    cache_dir: str | None = None
    formats: tuple[str, ...] = (JSONL,)
    options: ReadOptions = field(default_factory=ReadOptions)
    pages: str | None = None
    password: str | None = None
    text_layer: TextLayer = "auto"
    max_pixels: int = MAX_PIXELS
    load: Callable[[Order], Engine] | None = None
    """Loads the engine, in place of `ocr_core.load`."""

    @property
    def recipe(self) -> str:
        """Digest of what decides how a file is read."""
        o = self.options
        choices = [self.digest, o.detect, o.min_confidence, o.words, o.language, self.pages, self.text_layer]
        return hashlib.sha256(json.dumps(choices).encode()).hexdigest()[:16]

    def outputs(self, name: str) -> dict[str, str]:
        """Return the paths of a file's outputs by format."""
        return {form: name + SUFFIXES[form] for form in self.formats}


@dataclass(frozen=True, slots=True)
class Task:
    """A file, and what is known of it from before."""

    item: Item
    known: Entry | None = None
    attempts: int = 1
    """How often it is tried, this time counted."""
    fresh: bool = False
    """Read it, though its content be known."""


def load_engine(order: Order) -> Engine:
    """Load the engine of a process; blocks for seconds. Errors are those of `ocr_core.load`."""
    if order.load is not None:
        return order.load(order)
    reader = ocr_core.load(
        order.model,
        store=order.store,
        backend=order.backend,
        threads=order.threads,
        precision=order.precision,
        cache_dir=order.cache_dir,
    )
    return reader.engine


class FileReader:
    """Reads files. `read` may be called from more threads than the engine has streams: the others decode meanwhile."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._engine = load_engine(order)
        self.streams = int(self._engine.backend.policy.streams)
        self._turns = threading.Semaphore(self.streams)
        self._destination = open_destination(order.target, order.shard)
        self._limits = Limits(pages=MAX_PAGES, pixels=order.max_pixels)
        shown = any(form != JSONL and FORMATS[form].words for form in order.formats)
        self._options = replace(order.options, words=order.options.words or shown)

    def read(self, task: Task, on_page: Callable[[], None] = lambda: None) -> Entry:
        """Read a file and write its outputs; return what became of it.

        Args:
            task: the file.
            on_page: called after each page.

        Raises:
            StoppedError: the destination cannot be written to.
        """
        begun = time.monotonic()
        entry = failed_entry(task, self.order)
        try:
            if entry.name.partition("/")[0] == OWN:
                raise NameRefusedError(f"{OWN} is the name of what a run keeps for itself")
            data = fetch(task.item)
            entry = replace(entry, sha256=hashlib.sha256(data).hexdigest())
            if not task.fresh and task.known and self.is_current(task.known, entry):
                return replace(task.known, stamp=task.item.stamp)
            entry = self._read(entry, data, on_page)
        except StoppedError:
            raise
        except OcrError as error:
            entry = replace(entry, error={"code": error.code, "detail": str(error)})
        except Exception as error:  # no file may end the run
            log.exception("a file could not be read")
            entry = replace(entry, error={"code": "unexpected", "detail": f"{type(error).__name__}: {error}"})
        seconds = round(time.monotonic() - begun, 3)
        return replace(self._settled(entry, task.known), seconds=seconds, finished=_now())

    def is_current(self, known: Entry, entry: Entry) -> bool:
        """Say whether an entry tells of the same content, read in the same way, with all outputs there."""
        same = (known.sha256, known.recipe) == (entry.sha256, entry.recipe)
        return same and (known.status == "failed" or has_outputs(known, self.order, self._destination.has))

    def _settled(self, entry: Entry, known: Entry | None) -> Entry:
        """Keep other outputs of the same reading, and remove those of another: they tell of what is no more."""
        if known is None:
            return entry
        if (known.sha256, known.recipe) == (entry.sha256, entry.recipe):
            return replace(entry, outputs={**known.outputs, **entry.outputs})
        for path in known.outputs.keys() - entry.outputs.keys():
            self._destination.remove(path)
        return entry

    def _read(self, entry: Entry, data: bytes, on_page: Callable[[], None]) -> Entry:
        with open_document(data, limits=self._limits, password=self.order.password) as document:
            indices = select_pages(self.order.pages, len(document), self._limits.pages)
            original = Original(name=entry.name, data=data, password=self.order.password)
            return self._write(entry, original, self._pages(document, indices, on_page))

    def _pages(
        self, document: Document, indices: Sequence[int], on_page: Callable[[], None]
    ) -> Iterator[Page | tuple[int, ImageError]]:
        for index in indices:
            try:
                yield read_page(self._in_turn, document.page(index), self._options, self.order.text_layer)
            except ImageError as error:
                yield index + 1, error
            on_page()

    def _in_turn(self, pixels: Pixels, options: ReadOptions) -> Page:
        with self._turns:
            return self._engine.read(pixels, options)

    def _write(self, entry: Entry, original: Original, pages: Iterator[Page | tuple[int, ImageError]]) -> Entry:
        """Write the pages in all formats. Of a file of which no page could be read there are no outputs."""
        read, errors = 0, list[ImageError]()
        paths = self.order.outputs(entry.name)
        with ExitStack() as stack:
            files = {form: stack.enter_context(self._destination.writing(path)) for form, path in paths.items()}
            writers = {form: self._writer(form) for form in files}
            for page in pages:
                if isinstance(page, Page):
                    read += 1
                    put(files, writers, original, page)
                else:
                    number, error = page
                    errors.append(error)
                    put(files, writers, original, FailedPage(number=number, reason=str(error)))
                    if not read and len(errors) == HOPELESS:
                        break
            if not read and errors:
                raise errors[0]
            for form, writer in writers.items():
                for piece in writer.end():
                    files[form].write(piece)
            sizes = {paths[form]: file.tell() for form, file in files.items()}
        entry = replace(entry, pages=read, failed_pages=len(errors), outputs=sizes)
        if not errors:
            return replace(entry, status="done")
        return replace(entry, error={"code": errors[0].code, "detail": str(errors[0])})

    def _writer(self, form: str) -> Writer:
        return JsonLinesWriter(words=self.order.options.words) if form == JSONL else FORMATS[form].new_writer()


def failed_entry(task: Task, order: Order, code: str = "", detail: str = "") -> Entry:
    """Return the entry of a file of which nothing was read."""
    return Entry(
        name=task.item.name,
        status="failed",
        stamp=task.item.stamp,
        attempts=task.attempts,
        error={"code": code, "detail": detail} if code else None,
        model=order.model,
        recipe=order.recipe,
        finished=_now(),
    )


def put(files: dict[str, IO[bytes]], writers: dict[str, Writer], original: Original, page: Page | FailedPage) -> None:
    """Write a page in all formats."""
    for form, writer in writers.items():
        files[form].write(writer.page(original, page))


def has_outputs(entry: Entry, order: Order, has: Callable[[str, int], bool]) -> bool:
    """Say whether all outputs that are asked for are there."""
    return all(path in entry.outputs and has(path, entry.outputs[path]) for path in order.outputs(entry.name).values())


def fetch(item: Item) -> bytes:
    """Return the bytes of a file.

    Raises:
        FileRefusedError: it cannot be read.
    """
    try:
        if is_url(item.place):
            fs, path = fsspec.core.url_to_fs(item.place)
            size = fs.size(path) if item.size is None else item.size
            if size is not None and size > MAX_BYTES:
                _refuse(size)
            return bytes(fs.cat_file(path))
        return _local_bytes(item.place)
    except FileRefusedError:
        raise
    except OSError as error:
        raise FileRefusedError(error.strerror or str(error)) from error
    except Exception as error:  # each file system has errors of its own
        raise FileRefusedError(f"{type(error).__name__}: {error}") from error


def _local_bytes(place: str) -> bytes:
    # Without waiting: whoever opens a pipe waits for somebody to write into it.
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise FileRefusedError("not a regular file")
        if found.st_size > MAX_BYTES:
            _refuse(found.st_size)
        return file.read(MAX_BYTES)  # were it to grow meanwhile


def _refuse(size: int) -> NoReturn:
    raise FileRefusedError(f"{size} bytes; the limit is {MAX_BYTES}")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
