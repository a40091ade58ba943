"""PDF files: PDFium in a process of its own, behind the interface of a document.

Every file has a process to itself, so that a hostile one harms nobody else, and pages are asked for one after the
other. A page that crashes it or takes too long is an error of that page; the next one finds a new process.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ocr_core.child.process import OutOfTimeError, ProcessDiedError
from ocr_core.errors import (
    DamagedDocumentError,
    DocumentError,
    PageError,
    PageTooCostlyError,
    PasswordRequiredError,
    UnsupportedEncryptionError,
    WrongPasswordError,
)
from ocr_core.geometry import Points
from ocr_core.pages.document import Check, Document, SourcePage
from ocr_core.pages.glyphs import Characters, Frame
from ocr_core.pages.limits import Limits
from ocr_core.pages.marks import SHARE, Bools, are_seen, find_layers, too_small
from ocr_core.pages.pdfium.process import PdfiumProcess
from ocr_core.pages.pictures import hidden_by, legible, unpack_pictures, whole_page
from ocr_core.pages.resolution import choose_scale
from ocr_core.pages.text_layer import form_lines
from ocr_core.preprocess import Pixels

HEADER_WITHIN = 1024
"""Bytes in which the signature may stand; viewers and PDFium look no further."""
IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How images begin that may have a PDF's signature among their comments."""
PAGES_EACH = 200
"""Pages after which a process is replaced: what PDFium keeps of each page goes with it."""
TRUSTED = 0.8
"""Least share of the seen characters that stand in lines with a meaning."""
BRACKETS = 0.05
"""Share up to which garbled characters are left out: tall brackets of formulas mostly."""
FEW = 50
"""A page with fewer seen characters is read as well: its text may be drawn as outlines, and these its page number."""

_BYTES_A_CHARACTER = 52


def is_pdf(data: bytes) -> bool:
    """Say whether the file begins as a PDF does, white space and the like ahead of it aside, and as no image does."""
    return b"%PDF-" in data[:HEADER_WITHIN] and not data.startswith(IMAGES)


class PdfDocument(Document):
    """An open PDF.

    Raises:
        PasswordRequiredError, WrongPasswordError, UnsupportedEncryptionError: it is encrypted.
        DamagedDocumentError: it has no pages that can be found.
        DocumentError: opening it takes more than it may.
    """

    format = "PDF"

    def __init__(
        self,
        data: bytes,
        *,
        limits: Limits,
        password: str | None = None,
        look: bool = True,
        check: Check | None = None,
    ) -> None:
        self._data = data
        self._looks = look
        self._limits = limits
        self._password = password
        self._lock = threading.Lock()
        self._process: PdfiumProcess | None = None
        self._asked = 0
        self._closed = False
        self._count = 0
        self._start(check)

    def __len__(self) -> int:
        return self._count

    def page(self, index: int, *, check: Check | None = None) -> SourcePage:
        """Return a page, as `Document.page` tells."""
        limits = self._limits
        request = {"page": index, "characters": limits.characters, "objects": limits.objects}
        found, data = self._ask(request, limits.characters * _BYTES_A_CHARACTER, check)
        try:
            return self._source_page(index, found, data, check)
        except (KeyError, TypeError, ValueError, OverflowError) as error:  # of a process that was taken over
            raise PageError(f"page {index + 1} is damaged") from error

    def close(self) -> None:
        """End the process; a page that is waited for fails."""
        self._closed = True
        with self._lock:
            self._stop()

    def _source_page(self, index: int, found: dict[str, Any], data: bytearray, check: Check | None) -> SourcePage:
        frame = Frame(tuple(map(float, found["box"])), int(found["rotation"]))  # type: ignore[arg-type]
        if not all(np.isfinite(frame.size)) or min(frame.size) <= 0:
            raise PageError(f"page {index + 1} has no area")
        pictures = unpack_pictures(found["pictures"], frame)
        count = found["characters"] if data else 0
        characters = Characters.unpack(data, count)
        hidden = hidden_by(pictures, characters, frame) | too_small(characters, frame)
        lines = form_lines(characters, frame, hidden)
        overlong = found["characters"] > count or len(lines) > self._limits.lines
        lines = [] if overlong else lines
        scale = choose_scale(frame.size, pictures, lines, self._limits.pixels)
        width, height = (max(1, round(side * scale)) for side in frame.size)
        unsure: list[Points] = []
        if self._looks and any(line.seen for line in lines):
            unseen, unsure = self._look(index, characters, frame, hidden, scale * SHARE, check)
            lines = form_lines(characters, frame, unseen) if (unseen != hidden).any() else lines
        seen = [line for line in lines if line.seen]
        letters = sum(line.characters for line in seen)
        garbled = sum(line.characters for line in seen if line.garbled)
        unread = legible(pictures, found["annotations"], frame)
        if garbled > BRACKETS * letters:
            unread += [line.quad for line in seen if line.garbled]
        unread += unsure
        if letters < FEW or not found["complete"]:
            unread = [whole_page(frame.size)]
        return SourcePage(
            number=index + 1,
            width=width,
            height=height,
            dpi=72 * scale,
            lines=tuple(line.scaled(scale) for line in lines),
            overlong=overlong,
            trusted=bool(seen) and garbled <= (1 - TRUSTED) * letters,
            unread=tuple(outline * np.float32(scale) for outline in unread),
            render=lambda check: self._render(index, width, height, check),
        )

    def _look(
        self, index: int, characters: Characters, frame: Frame, hidden: Bools, scale: float, check: Check | None
    ) -> tuple[Bools, list[Points]]:
        """Return which characters are not seen, and the outlines of those of which that is not known."""
        layers = find_layers(characters, frame, hidden, scale)
        size = max(1, round(frame.size[0] * scale)), max(1, round(frame.size[1] * scale))
        try:
            drawn = self._look_at(index, size, layers.objects, check)
        except PageTooCostlyError:
            return np.ones_like(hidden), [whole_page(frame.size)]
        return hidden | ~are_seen(characters, layers, drawn), layers.unsure(characters, frame)

    def _look_at(self, index: int, size: tuple[int, int], layers: list[list[int]], check: Check | None) -> Pixels:
        """Return (1 + layers)×H×W×3: the page in this width and height, before and after each layer is taken off."""
        width, height = size
        shape = (1 + len(layers), height, width, 3)
        request = {"page": index, "width": width, "height": height, "objects": self._limits.objects}
        _, data = self._ask({**request, "layers": layers}, math.prod(shape), check)
        return np.frombuffer(data, np.uint8).reshape(shape)

    def _render(self, index: int, width: int, height: int, check: Check | None) -> Pixels:
        size = width * height * 3
        _, data = self._ask({"page": index, "width": width, "height": height}, size, check)
        if len(data) != size:
            raise PageError(f"page {index + 1} could not be drawn")
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def _start(self, check: Check | None) -> PdfiumProcess:
        """Start a process that opens the file, and learn the number of pages."""
        limits = self._limits
        process = self._process = PdfiumProcess()
        self._asked = 0
        request = {"password": self._password, "memory": limits.memory + len(self._data)}
        try:
            answer, _ = process.ask(request, self._data, limit=0, seconds=limits.page_seconds, check=check)
        except OutOfTimeError:
            raise DocumentError(f"the PDF could not be opened within {limits.page_seconds:g} seconds") from None
        except ProcessDiedError as error:
            raise DamagedDocumentError("the PDF is damaged, or takes too much memory to open") from error
        refused = answer.get("refused")
        if refused is not None:
            self._stop()
            raise self._refusal(refused)
        self._count = int(answer["pages"])
        return process

    def _refusal(self, reason: object) -> DocumentError:
        if reason == "password" and not self._password:
            return PasswordRequiredError("the PDF is encrypted; send its password")
        if reason == "password":
            return WrongPasswordError("the PDF is encrypted with another password")
        if reason == "security":
            return UnsupportedEncryptionError("the PDF is encrypted in a way that no password opens here")
        return DamagedDocumentError("the PDF is damaged or has no pages")

    def _ask(self, request: dict[str, Any], limit: int, check: Check | None) -> tuple[dict[str, Any], bytearray]:
        """Ask for a page of the file, once more where a process dies that has served others."""

        def checked() -> None:
            if self._closed:
                raise PageError("the document is closed")
            if check is not None:
                check()

        with self._turn(checked):
            fresh = self._asked < PAGES_EACH or self._goes_on(request)
            if self._process is not None and self._process.alive and fresh:
                try:
                    return self._exchange(self._process, request, limit, checked)
                except ProcessDiedError:  # what the pages before have left behind may have been too much
                    pass
            self._stop()
            process = self._start(checked)
            try:
                return self._exchange(process, request, limit, checked)
            except ProcessDiedError as error:
                page = request["page"] + 1
                raise PageTooCostlyError(f"page {page} is damaged or takes too much memory") from error

    @staticmethod
    def _goes_on(request: dict[str, Any]) -> bool:
        """Say whether the page was asked for just now."""
        return "layers" in request

    def _exchange(
        self, process: PdfiumProcess, request: dict[str, Any], limit: int, check: Check
    ) -> tuple[dict[str, Any], bytearray]:
        self._asked += not self._goes_on(request)
        number, seconds = request["page"] + 1, self._limits.page_seconds
        try:
            answer, data = process.ask(request, limit=limit, seconds=seconds, check=check)
        except OutOfTimeError:
            raise PageTooCostlyError(f"page {number} takes longer than {seconds:g} seconds") from None
        if answer.get("refused") == "memory":
            raise PageTooCostlyError(f"page {number} takes too much memory")
        if "refused" in answer:
            raise PageError(f"page {number} is damaged")
        return answer, data

    @contextmanager
    def _turn(self, check: Check) -> Iterator[None]:
        """Wait until no other thread asks."""
        while not self._lock.acquire(timeout=0.05):
            check()
        try:
            check()
            yield
        finally:
            self._lock.release()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
