"""The pipeline as a library: load once, read files, bytes, arrays and pictures.

import ocr_core

reader = ocr_core.load()
page = reader.read("receipt.jpg")
print(page.text)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ocr_core.backends import BackendName, Precision
from ocr_core.bundle.remote import default_cache
from ocr_core.bundle.store import DEFAULT_MODEL, open_store
from ocr_core.errors import ImageError, TooManyPagesError, UndecodableImageError
from ocr_core.pages.document import Document
from ocr_core.pages.images import upright
from ocr_core.pages.limits import Limits
from ocr_core.pages.opening import open_document
from ocr_core.pages.selection import select_pages
from ocr_core.pipeline.documents import TextLayer, needs_look, read_page
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.loading import load_checked
from ocr_core.pipeline.result import Page, ReadOptions

if TYPE_CHECKING:
    from typing_extensions import Self

File = str | os.PathLike[str] | bytes
"""A path, or what is in a file."""
Source = File | NDArray[np.uint8] | PIL.Image.Image
"""What one page is read from. Arrays are H×W×3 in BGR order, as OpenCV has them, or H×W grey."""
OnError = Callable[[int, ImageError], None]
"""Told the number of a page, from 1, and why it cannot be read."""


def load(
    model: str = DEFAULT_MODEL,
    *,
    store: str | os.PathLike[str] | None = None,
    backend: BackendName = "auto",
    threads: int | None = None,
    precision: Precision = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    limits: Limits | None = None,
) -> Reader:
    """Load a model; takes a second or two, so load once and read often. Environment variables are not looked at.

    Args:
        model: bundle to read with, `name` or `name@version`.
        store: folder or URL of the bundles; None is `./models`, and behind it what comes with this package.
        backend: `auto` takes OpenVINO where it is installed, else onnxruntime; `cuda` is a GPU or an error.
        threads: cores to compute on; None takes those that the affinity mask and the cgroup quota allow.
        precision: numbers that OpenVINO computes in; `auto` is bfloat16 where the processor computes in it.
        cache_dir: folder for compiled networks and fetched bundles, which make later starts faster; None is
            `$XDG_CACHE_HOME/ocr`. Nothing is kept where it cannot be written.
        limits: what a file may cost; None takes those of `Limits`.

    Raises:
        BundleError: there is no such model, or it is damaged.
        BackendError: the backend is not installed, cannot load the model, or not be had with such threads or precision.
    """
    cache = Path(cache_dir) if cache_dir is not None else default_cache().parent
    bundle = open_store(None if store is None else os.fspath(store), cache=cache / "bundles").open(model)
    engine = load_checked(bundle, backend=backend, threads=threads, precision=precision, cache_dir=cache / "compiled")
    return Reader(engine, limits=limits)


class Reader:
    """A loaded model. Its methods may be called from any thread; several calls side by side use all cores."""

    def __init__(self, engine: Engine, *, limits: Limits | None = None) -> None:
        self.engine = engine
        self.limits = limits or Limits()

    @property
    def model(self) -> str:
        """The model that reads, `name@version`."""
        return self.engine.bundle.ref

    def read(self, source: Source, options: ReadOptions | None = None) -> Page:
        """Read one page: an image, a PDF or TIFF of a single page, or pixels.

        Args:
            source: a path, the bytes of a file, an array (H×W×3 uint8 BGR, or H×W grey) or a picture of Pillow's. Of
                files and pictures EXIF orientation is applied, and coordinates are those of the upright picture.
            options: choices of this call.

        Raises:
            OSError: the file cannot be read.
            TooManyPagesError: the file has several pages; `read_document` reads them.
            ImageError: it cannot be read as an image or a document, or is larger than the limits.
        """
        options = options or ReadOptions()
        if isinstance(source, PIL.Image.Image):
            return self.engine.read(upright(source), options)
        if isinstance(source, np.ndarray):
            return self.engine.read(_three_channels(source), options)
        with open_document(_bytes(source), limits=self.limits) as document:
            if len(document) > 1:
                raise TooManyPagesError(f"the file has {len(document)} pages: use read_document")
            return read_page(self.engine.read, document.page(0), options)

    def read_document(
        self,
        source: File,
        options: ReadOptions | None = None,
        *,
        pages: str | None = None,
        password: str | None = None,
        text_layer: TextLayer = "auto",
        on_error: OnError | None = None,
    ) -> Iterator[Page]:
        """Yield the pages of a PDF or TIFF, or of an image, each when it is asked for.

        Args:
            source: a path, or the bytes of a file.
            options: choices of this call.
            pages: which, such as `1-5,9` or `3-`; None is all of them.
            password: of an encrypted PDF.
            text_layer: what is made of text that a PDF carries: `auto` takes it where it can be trusted and reads what
                else is seen, `ignore` reads the page, `only` takes it as it is.
            on_error: told the number and the error of each page that cannot be read, which is then left out. None
                raises the error, which ends the document.

        Raises:
            OSError: the file cannot be read.
            DocumentError: it is damaged, asks for a password, or does not have the pages.
            ImageError: it cannot be read as an image, or a page cannot be read.
        """
        options = options or ReadOptions()
        look = needs_look(options, text_layer)
        with open_document(_bytes(source), limits=self.limits, password=password, look=look) as document:
            for index in select_pages(pages, len(document), self.limits.pages):
                page = self._page(document, index, options, text_layer, on_error)
                if page is not None:
                    yield page

    def _page(
        self, document: Document, index: int, options: ReadOptions, text_layer: TextLayer, on_error: OnError | None
    ) -> Page | None:
        try:
            return read_page(self.engine.read, document.page(index), options, text_layer)
        except ImageError as error:
            if on_error is None:
                raise
            on_error(index + 1, error)
            return None

    def close(self) -> None:
        """Free the model; a later call raises BackendError."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bytes(source: File) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def _three_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8 and pixels.size:
        if pixels.ndim == 3 and pixels.shape[2] == 3:
            return pixels
        if pixels.ndim == 2:
            return np.repeat(pixels[..., None], 3, axis=2)
    raise UndecodableImageError(
        f"an array must be H×W×3 (BGR) or H×W (grey) of uint8, and this is {pixels.shape} of {pixels.dtype}"
    )
