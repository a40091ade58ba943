"""The words of a set joined to the lines that a bundle finds.

ICDAR 2015 labels words; receipts and drawn pages are labelled by line. A detector that learns from both is told of the
same gap that it parts two texts and that it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ocr_core.bundle.reader import Bundle
from ocr_core.geometry import Points
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import Line, ReadOptions
from ocr_core.preprocess import Pixels
from ocr_core.scoring.datasets import LabelledSet, PageRow, Region
from ocr_core.scoring.matching import hulls, intersections
from trainer.teach.label import UNSURE
from trainer.teach.pages import write_pages

COVERED = 0.5
"""A line shows a word that lies in it with more than this share of its area."""
MISSED = 0.3
"""A word is missed whose area lies in lines with less than this share; it stays a label of its own."""


def join_words(bundle: Bundle, rows: LabelledSet, out: Path, *, confidence: float) -> Counter[str]:
    """Write `out/labels.jsonl`, pointing to the images where they lie; return how many lines met which fate.

    Lines that the teacher is sure of are `read`; others that show labelled words are `joined` of these; the rest are
    marked as unreadable (`unsure`), as there may be no text. Words that no line shows are `kept`, and so is, `ignored`,
    what people could not read.

    Args:
        bundle: the teacher.
        rows: pages with the quads or polygons of their words.
        out: folder of the new set.
        confidence: of the teacher, from which its reading of a line is a label.

    Raises:
        ConfigError: the set holds single lines, or `out` is its folder.
    """
    fates: Counter[str] = Counter()

    def lines_of(engine: Engine, pixels: Pixels, row: PageRow) -> tuple[list[dict[str, Any]], str]:
        found = engine.read(pixels, ReadOptions(min_confidence=0.0)).lines
        return _page(found, row.lines, confidence, fates), "line"

    write_pages(bundle, rows, out, lines_of, "joined")
    return fates


def _page(
    found: Sequence[Line], labels: Sequence[Region], confidence: float, fates: Counter[str]
) -> list[dict[str, Any]]:
    shares = _shares(found, labels)
    lines = []
    for line, column in zip(found, shares.T, strict=True):
        shown = [label for label, share in zip(labels, column, strict=True) if share > COVERED]
        words = joined(line.quad, shown)
        fate = "read" if line.confidence >= confidence else "joined" if words else "unsure"
        text = {"read": line.text, "joined": words}.get(fate, UNSURE)
        points = [[round(float(x), 1), round(float(y), 1)] for x, y in line.quad]
        lines.append({"points": points, "text": text, "ignore": fate == "unsure"})
        fates[fate] += 1
    for label, share in zip(labels, shares.sum(axis=1), strict=True):
        if share < (COVERED if label.ignore else MISSED):
            lines.append({"points": label.points, "text": label.text, "ignore": label.ignore})
            fates["ignored" if label.ignore else "kept"] += 1
    return lines


def joined(quad: Points, words: Sequence[Region]) -> str:
    """Return the texts of `words` in the direction of a line's `quad`; empty if there is none, or one is unreadable."""
    if any(word.ignore for word in words):
        return ""
    along = quad[1] - quad[0]
    return " ".join(word.text for word in sorted(words, key=lambda word: float(np.mean(word.points, axis=0) @ along)))


def _shares(found: Sequence[Line], labels: Sequence[Region]) -> NDArray[np.float64]:
    """Return what share of each label lies in each line, labels × lines."""
    theirs = hulls(label.points for label in labels)
    areas = intersections(theirs, hulls(line.quad.tolist() for line in found))
    shares: NDArray[np.float64] = areas / np.maximum(shapely.area(theirs), 1e-9)[:, None]
    return shares
