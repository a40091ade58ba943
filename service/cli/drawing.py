"""Where `ocr read --draw` draws to: over no file that is read, and over no other drawing of the same run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.common import STANDARD, fail, shown

if TYPE_CHECKING:
    from ocr_core.pages.document import SourcePage
    from ocr_core.pipeline.result import Page
    from ocr_core.preprocess import Pixels

LONGEST_NAME = 255
"""Bytes of a name that file systems take."""


class Drawings:
    """Names the drawings of a run. Those of a run before are drawn over."""

    def __init__(self, place: Path, files: Sequence[Path], output: Path = STANDARD) -> None:
        """`output`: the file that the text goes to."""
        self.place = place
        """An image; of several pages, a folder for them."""
        self._files = files
        # By what they are, not by their names: links lead to the same file by another one.
        self._inputs = {found for path in files if path != STANDARD and (found := _identity(path))}
        self._numbers: Counter[str] = Counter()
        self._taken: set[str] = set()  # what links lead to
        self._output = None if output == STANDARD else os.path.realpath(output)

    def require_apart(self) -> None:
        """End the command if a file that is to be read lies where its drawing would, or the text goes there."""
        for path in self._files:
            target = self._first(path)
            if _identity(target) in self._inputs:
                fail(f"{shown(str(target))} is to be read, and would be drawn over; --draw needs another place", code=2)
            if os.path.realpath(target) == self._output:
                fail(f"-o and --draw both name {shown(str(target))}", code=2)

    def target(self, path: Path, number: int, *, alone: bool) -> Path:
        """Return where a page is drawn to, a name of its own in a folder.

        Args:
            path: the file that it is of.
            number: of the page, from 1.
            alone: it is the only page of the only file.
        """
        if alone and not self.place.is_dir():
            return self.place
        stem = path.stem if number == 1 else f"{path.stem}-{number}"
        target = self._named(path.stem, "" if number == 1 else f"-{number}")
        while self._is_taken(target):
            self._numbers[stem] += 1  # kept: a thousand folders may each have a page.jpg
            target = self._named(stem, f".{self._numbers[stem] + 1}")
        self._taken.add(os.path.realpath(target))
        return target

    def _is_taken(self, target: Path) -> bool:
        place = os.path.realpath(target)
        return place in self._taken or place == self._output or _identity(target) in self._inputs

    def _named(self, stem: str, addition: str) -> Path:
        end = f"{addition}.png"
        name, room = os.fsencode(stem), LONGEST_NAME - len(end)
        # A name that is as long as names may be has room for nothing behind it.
        return self.place / ((stem if len(name) <= room else name[:room].decode(errors="ignore")) + end)

    def _first(self, path: Path) -> Path:
        folder = len(self._files) > 1 or self.place.is_dir()
        return self._named(path.stem, "") if folder else self.place


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # not there, or said when it is read
        return None
    return found.st_dev, found.st_ino


def drawn_once(source: SourcePage) -> SourcePage:
    """Return a page that is rendered now, and not again when it is drawn into."""
    pixels = source.render(None)
    return replace(source, render=lambda _: pixels)


def draw(source: SourcePage, page: Page, target: Path) -> None:
    """Write a page with the boxes of its lines, as what the name of `target` says, else as PNG."""
    from ocr_core.formats.drawing import draw_quads

    data = _encoded(draw_quads(source.render(None), [line.quad for line in page.lines]), target.suffix.lower())
    target.parent.mkdir(parents=True, exist_ok=True)
    file = target.open("wb")
    try:
        with file:
            file.write(data)
    except OSError:
        if target.is_file():  # not a device: no half picture is left
            Path(os.path.realpath(target)).unlink()
        raise


def _encoded(pixels: Pixels, suffix: str) -> bytes:
    """Return a picture as files of a suffix hold it; as PNG where they hold none like it, too large or of colours."""
    import cv2

    # By the suffix alone: OpenCV crashes over names that are no Unicode.
    if suffix.isascii() and suffix.isprintable() and cv2.haveImageWriter(f"a{suffix}"):
        with suppress(cv2.error):
            done, data = cv2.imencode(suffix, pixels)
            if done:
                return data.tobytes()
    return cv2.imencode(".png", pixels)[1].tobytes()
