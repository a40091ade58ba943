"""A bundle corrects the labels of a set: the case of letters where they were all written alike, and words left out.

SROIE writes every line in capitals, whatever is printed; ICDAR 2015 leaves unread what people could not read at a
glance. A teacher that agrees with a label in all but case knows the case; one that is sure of a word left out knows it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ocr_core.bundle.reader import Bundle
from ocr_core.geometry import min_area_quad
from ocr_core.pipeline.engine import Engine
from ocr_core.pipeline.result import ReadOptions
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import cut_line
from ocr_core.scoring.datasets import LabelledSet, PageRow, Region
from ocr_core.scoring.text import characters
from trainer.teach.label import UNSURE
from trainer.teach.pages import write_pages

HEIGHT = 64
"""Pixels of a line as the teacher gets it: it scales it to its own height."""
LEAST = 8.0
"""Pixels of height below which words that people left out stay out."""


def relabel(bundle: Bundle, rows: LabelledSet, out: Path, *, confidence: float) -> Counter[str]:
    """Write `out/labels.jsonl`, pointing to the images where they lie; return how many lines met which fate.

    `agreed` lines take the teacher's case, `added` ones were left out before, `dropped` ones are marked as
    unreadable: the teacher reads them otherwise, so that their case is unknown. Lines without letters are `kept`.

    Args:
        bundle: the teacher.
        rows: pages with the quads or polygons of their lines.
        out: folder of the new set.
        confidence: of the teacher, from which it may add a line.

    Raises:
        ConfigError: the set holds single lines, or `out` is its folder.
    """
    fates: Counter[str] = Counter()

    def lines_of(engine: Engine, pixels: Pixels, row: PageRow) -> tuple[list[dict[str, Any]], str]:
        return [_line(engine, pixels, line, confidence, fates) for line in row.lines], row.granularity

    write_pages(bundle, rows, out, lines_of, "relabelled")
    return fates


def _line(engine: Engine, pixels: Pixels, line: Region, confidence: float, fates: Counter[str]) -> dict[str, Any]:
    text, sure = _read(engine, pixels, line)
    if line.ignore:
        fate = "added" if text and sure >= confidence and _height(line) >= LEAST else "ignored"
    elif not any(character.isalpha() for character in line.text):
        fate = "kept"
    else:
        fate = "agreed" if characters(text) == characters(line.text) else "dropped"
    fates[fate] += 1
    chosen = {"agreed": recased(line.text, text), "added": text, "kept": line.text}.get(fate, UNSURE)
    return {"points": line.points, "text": chosen, "ignore": fate in ("ignored", "dropped")}


def recased(text: str, like: str) -> str:
    """Return `text` with its letters in the case of `like`, which is equal but for case and spaces."""
    letters = iter("".join(like.split()))
    return "".join(c if c.isspace() else _in_case(c, next(letters, c)) for c in text)


def _in_case(character: str, like: str) -> str:
    if character.casefold() != like.casefold():
        return character  # a ligature or full-width form shifts what follows
    return like


def _read(engine: Engine, pixels: Pixels, line: Region) -> tuple[str, float]:
    crop = cut_line(pixels, _quad(line), HEIGHT)
    found = engine.read(crop, ReadOptions(detect=False, min_confidence=0.0)).lines
    return (found[0].text, found[0].confidence) if found else ("", 0.0)


def _quad(line: Region) -> np.ndarray:
    corners = np.asarray(line.points, np.float32)
    return corners if len(corners) == 4 else min_area_quad(corners)[0]


def _height(line: Region) -> float:
    left_top, right_top, _, left_bottom = _quad(line)
    return float(min(np.linalg.norm(left_bottom - left_top), np.linalg.norm(right_top - left_top)))
