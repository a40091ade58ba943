"""Labelled sets cut down to what training takes: lines with their surroundings, pages no larger than searched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from typing_extensions import Self

from ocr_core.charset import Charset
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import cut_line
from ocr_core.scoring.datasets import LabelledSet, PageRow, PageSet
from trainer.data.crops import read_image, readable_lines
from trainer.data.problems import Problems
from trainer.data.recut import take_patch

Item = TypeVar("Item")
Row = dict[str, Any]

LINE_HEIGHT = 48
"""Pixels of a packed line: 3/2 of what the network reads, so that augmentation has pixels to lose."""
PAGE_PIXELS = 1_000_000
"""Pixels of a packed page at most: a little more than it is searched in."""
QUALITY = 82
"""Of JPEG."""


def pack_lines(rows: LabelledSet, charset: Charset, count: int, out: Path, *, recut: bool, grey: bool) -> int:
    """Write up to `count` lines of a set, taken evenly, as a set of their own; return how many there are.

    With `recut` each comes with its surroundings and its outline in them, as a page of one word; else as a crop.
    """
    found = readable_lines(_thinned(rows, count), charset, Problems())
    with SetWriter(out, grey=grey) as written:
        for place, pixels, quad, text in islice(found, count):
            if recut:
                patch = take_patch(pixels, quad, text, place)
                line = {"points": patch.quad.round(1).tolist(), "text": text, "ignore": False}
                written.add(patch.surroundings.pixels, {"lines": [line], "granularity": "word"})
            else:
                written.add(cut_line(pixels, quad, LINE_HEIGHT), {"text": text})
    return written.count


def pack_pages(rows: PageSet, count: int, out: Path) -> int:
    """Write up to `count` pages of a set, taken evenly, shrunk to `PAGE_PIXELS`; return how many there are."""
    with SetWriter(out, grey=False) as written:
        for row in _evenly(rows.rows, count):
            pixels = read_image(rows.path(row), Problems())
            if pixels is None:
                continue
            scale = min(1.0, float(np.sqrt(PAGE_PIXELS / (pixels.shape[0] * pixels.shape[1]))))
            if scale < 1:
                pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
            written.add(pixels, _scaled(row, scale))
    return written.count


def pack_surfaces(surfaces: Sequence[Pixels], out: Path) -> int:
    """Write parts of photographs without text as a set of pages without lines; return how many there are."""
    with SetWriter(out, grey=False) as written:
        for pixels in surfaces:
            written.add(pixels, {"lines": [], "granularity": "word"})
    return written.count


class SetWriter:
    """A set being written: numbered JPEGs and, at the end of the block, labels.jsonl."""

    def __init__(self, folder: Path, *, grey: bool) -> None:
        self.folder = folder
        self.grey = grey
        self._rows: list[Row] = []

    def __enter__(self) -> Self:
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        return self

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self._rows)

    def add(self, pixels: Pixels, row: Row) -> None:
        """Write an image (H×W×3, BGR) and remember its row."""
        name = f"images/{self.count}.jpg"
        image = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY) if self.grey else pixels
        # Not by imwrite, which tells of no full disk.
        (self.folder / name).write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
        self._rows.append({"image": name, **row})

    def __exit__(self, *_: object) -> None:
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in self._rows]
        (self.folder / "labels.jsonl").write_text("".join(lines), "utf-8")


def _thinned(rows: LabelledSet, count: int) -> LabelledSet:
    """Return images spread over all of a set that hold about `count` readable lines."""
    if not isinstance(rows, PageSet):
        return type(rows)(rows.folder, tuple(_evenly(rows.rows, count)))
    lines = sum(not line.ignore for row in rows.rows for line in row.lines)
    pages = round(len(rows.rows) * min(1.0, 1.1 * count / max(lines, 1)))
    return PageSet(rows.folder, tuple(_evenly(rows.rows, max(1, pages))))


def _evenly(items: Sequence[Item], count: int) -> Iterator[Item]:
    wanted = min(count, len(items))
    return (items[number * len(items) // wanted] for number in range(wanted))


def _scaled(row: PageRow, scale: float) -> Row:
    lines = [
        {
            "points": [[round(x * scale, 1), round(y * scale, 1)] for x, y in line.points],
            "text": line.text,
            "ignore": line.ignore,
        }
        for line in row.lines
    ]
    return {"lines": lines, "granularity": row.granularity}
