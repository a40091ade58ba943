"""A bundle sets the spaces of labels that another one made: PP-OCRv6 leaves them out beside signs ("TEL:93 306 39 00").

A bundle that learned its spaces from drawn text and from people's labels sees those that are there. What it reads
otherwise in any character keeps the label that it has.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ocr_core.bundle.reader import Bundle
from ocr_core.pipeline.engine import Engine
from ocr_core.preprocess import Pixels
from ocr_core.scoring.datasets import LabelledSet, PageRow, Region
from ocr_core.scoring.text import characters
from trainer.teach.pages import write_pages
from trainer.teach.relabel import read_region


def set_spaces(bundle: Bundle, rows: LabelledSet, out: Path, *, confidence: float) -> Counter[str]:
    """Write `out/labels.jsonl`, pointing to the images where they lie; return how many lines met which fate.

    `spaced` lines take the spaces of the bundle, which reads the same characters with such confidence; `kept` ones stay
    as they are, and so do those that are `ignored`.

    Args:
        bundle: whose spaces are better than the labels'.
        rows: pages with the quads or polygons of their lines.
        out: folder of the new set.
        confidence: of the bundle's reading.

    Raises:
        ConfigError: the set holds single lines, none of its images can be read, or `out` takes no labels.
    """
    fates: Counter[str] = Counter()

    def spaced(engine: Engine, pixels: Pixels, line: Region) -> dict[str, Any]:
        text = line.text
        if not line.ignore:
            reading, sure = read_region(engine, pixels, line)
            if sure >= confidence and characters(reading) == characters(text):
                text = with_spaces(text, reading)
        fate = "ignored" if line.ignore else "kept" if text == line.text else "spaced"
        fates[fate] += 1
        return {"points": line.points, "text": text, "ignore": line.ignore}

    def lines_of(engine: Engine, pixels: Pixels, row: PageRow) -> tuple[list[dict[str, Any]], str]:
        return [spaced(engine, pixels, line) for line in row.lines], row.granularity

    write_pages(bundle, rows, out, lines_of, "relabelled")
    return fates


def with_spaces(text: str, like: str) -> str:
    """Return `text` with the spaces of `like`; as it is where the two are not the same character by character."""
    letters, others = "".join(text.split()), "".join(like.split())
    if len(letters) != len(others) or any(characters(a) != characters(b) for a, b in zip(letters, others, strict=True)):
        return text
    following = iter(letters)
    return "".join(" " if c.isspace() else next(following) for c in like.strip())
