"""Where `ocr read --draw` draws to: over no file that is read, and over no other drawing of the same run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.common import STANDARD, fail

if TYPE_CHECKING:
    from ocr_core.pages.document import SourcePage
    from ocr_core.pipeline.result import Page


class Drawings:
    """Names the drawings of a run. Those of a run before are drawn over."""

    def __init__(self, place: Path, files: Sequence[Path]) -> None:
        self.place = place
        """An image; of several pages, a folder for them."""
        self._files = files
        # By what they are, not by their names: links lead to the same file by another one.
        self._inputs = {found for path in files if path != STANDARD and (found := _identity(path))}
        self._numbers: Counter[str] = Counter()
        self._taken: set[Path] = set()

    def require_apart(self) -> None:
        """End the command if a file that is to be read lies where its drawing would."""
        for path in self._files:
            target = self._first(path)
            if _identity(target) in self._inputs:
                fail(f"{target} is to be read, and would be drawn over; --draw needs another place", code=2)

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
        target = self.place / f"{stem}.png"
        while target in self._taken or _identity(target) in self._inputs:
            self._numbers[stem] += 1  # kept: a thousand folders may each have a page.jpg
            target = self.place / f"{stem}.{self._numbers[stem] + 1}.png"
        self._taken.add(target)
        return target

    def _first(self, path: Path) -> Path:
        folder = len(self._files) > 1 or self.place.is_dir()
        return self.place / f"{path.stem}.png" if folder else self.place


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
    import cv2

    from ocr_core.formats.drawing import draw_quads

    suffix = target.suffix.lower() if cv2.haveImageWriter(target.name) else ".png"
    drawn = cv2.imencode(suffix, draw_quads(source.render(None), [line.quad for line in page.lines]))[1]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(drawn.tobytes())
