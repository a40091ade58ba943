"""A bundle corrects the labels of a set: the case of letters where they were all written alike, and what was left out.

SROIE writes every line in capitals, whatever is printed; ICDAR 2015 leaves unread what people could not read at a
glance; IIIT5K writes letters and digits alone, so that "$10.25" is labelled "1025". A teacher that agrees with a label
in all but case or signs knows those; one that is sure of a word left out knows it.
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
from ocr_core.scoring.datasets import CropRow, CropSet, LabelledSet, PageRow, Region
from ocr_core.scoring.text import alphanumeric, characters, nfkc, squash
from trainer.teach.label import UNSURE
from trainer.teach.pages import write_crops, write_pages

HEIGHT = 64
"""Pixels of a line as the teacher gets it: it scales it to its own height."""
LEAST = 8.0
"""Pixels of height below which words that people left out stay out."""


def relabel(bundle: Bundle, rows: LabelledSet, out: Path, *, confidence: float) -> Counter[str]:
    """Write `out/labels.jsonl`, pointing to the images where they lie; return how many lines met which fate.

    On pages `agreed` lines take the teacher's case, `added` ones were left out before, `dropped` ones are marked as
    unreadable: the teacher reads them otherwise, so that their case is unknown. Lines without letters are `kept`.
    Single lines are `agreed` where the teacher reads the same letters and digits, and take its case, and its signs if
    they have none of their own; they are `dropped` where it is sure of others, and else `kept` as they are.

    Args:
        bundle: the teacher.
        rows: pages with the quads or polygons of their lines, or single lines.
        out: folder of the new set.
        confidence: of the teacher, from which it may add or drop a line.

    Raises:
        ConfigError: `out` is the set's folder, or has labels that no teacher made; or no image can be read.
    """
    fates: Counter[str] = Counter()
    if isinstance(rows, CropSet):

        def text_of(engine: Engine, pixels: Pixels, row: CropRow) -> str:
            fate, text = _respelled(row.text, *_reading(engine, pixels), confidence)
            fates[fate] += 1
            return text

        write_crops(bundle, rows, out, text_of, "relabelled")
        return fates

    def lines_of(engine: Engine, pixels: Pixels, row: PageRow) -> tuple[list[dict[str, Any]], str]:
        return [_line(engine, pixels, line, confidence, fates) for line in row.lines], row.granularity

    write_pages(bundle, rows, out, lines_of, "relabelled")
    return fates


def _line(engine: Engine, pixels: Pixels, line: Region, confidence: float, fates: Counter[str]) -> dict[str, Any]:
    text, sure = read_region(engine, pixels, line)
    if line.ignore:
        fate = "added" if text and sure >= confidence and _height(line) >= LEAST else "ignored"
    elif not any(character.isalpha() for character in line.text):
        fate = "kept"
    else:
        fate = "agreed" if characters(text) == characters(line.text) else "dropped"
    fates[fate] += 1
    chosen = {"agreed": recased(line.text, text), "added": text, "kept": line.text}.get(fate, UNSURE)
    return {"points": line.points, "text": chosen, "ignore": fate in ("ignored", "dropped")}


def _respelled(label: str, text: str, sure: float, confidence: float) -> tuple[str, str]:
    """Return the fate of a single line that the teacher reads as `text`, and what it is labelled from now on."""
    label = label.strip(" ")
    letters = alphanumeric(label)
    if not letters or nfkc(label) != label:
        return "kept", label
    if alphanumeric(text) != letters:
        return ("dropped", "") if sure >= confidence else ("kept", label)
    if any(not character.isalnum() and not character.isspace() for character in label):
        # A label with signs says which there are.
        return ("agreed", recased(label, text)) if characters(text) == characters(label) else ("kept", label)
    if len(label.split()) == 1:
        return "agreed", squash(text)
    same = [alphanumeric(word) for word in text.split()] == [alphanumeric(word) for word in label.split()]
    return ("agreed", nfkc(text)) if same else ("kept", label)


def recased(text: str, like: str) -> str:
    """Return `text` with its letters in the case of `like`, which is equal but for case and spaces."""
    letters = iter("".join(like.split()))
    return "".join(c if c.isspace() else _in_case(c, next(letters, c)) for c in text)


def _in_case(character: str, like: str) -> str:
    if character.casefold() != like.casefold():
        return character  # a ligature or full-width form shifts what follows
    return like


def read_region(engine: Engine, pixels: Pixels, line: Region) -> tuple[str, float]:
    """Return what an engine reads where a page of `pixels` (H×W×3, BGR) is labelled, and how surely."""
    return _reading(engine, cut_line(pixels, _quad(line), HEIGHT))


def _reading(engine: Engine, crop: Pixels) -> tuple[str, float]:
    found = engine.read(crop, ReadOptions(detect=False, min_confidence=0.0)).lines
    return (found[0].text, found[0].confidence) if found else ("", 0.0)


def _quad(line: Region) -> np.ndarray:
    corners = np.asarray(line.points, np.float32)
    return corners if len(corners) == 4 else min_area_quad(corners)[0]


def _height(line: Region) -> float:
    left_top, right_top, _, left_bottom = _quad(line)
    return float(min(np.linalg.norm(left_bottom - left_top), np.linalg.norm(right_top - left_top)))
