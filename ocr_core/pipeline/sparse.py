"""Pages of few lines, photographs mostly: which of the text that the detector is unsure of is believed.

A recognizer reads what is no text with little confidence, or as one or two characters: how surely a box reads says more
about it than the detector does.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_core.geometry import Points, common_area, quad_area
from ocr_core.pipeline.lines import ReadQuad, credit

BELIEVED = 0.8
"""Credit (see `credit`) of text in a faint box that is believed."""
SEEN_FIRST = 0.05
"""Credit that a box of the first search is ahead of faint ones of the same text."""
SAME_TEXT = 0.6
"""Boxes that share so much of the smaller one show the same text."""
READ_SURELY = 0.95
"""A line that reads with such confidence needs no other reading: faint boxes that lie in it are not read."""
SEEN_SURELY = 0.62
"""A box that the detector scores so is text, however it reads."""
NOISE = 0.4
"""A line in another that reads with less confidence than a half and so much divided by its characters is noise."""


def unclaimed(faint: Sequence[Points], lines: Sequence[ReadQuad]) -> list[Points]:
    """Return the faint quads that do not lie, for the most part, in a line that reads surely."""
    sure = [line.quad for line in lines if line.confidence >= READ_SURELY]
    return [quad for quad in faint if all(common_area(quad, other) < SAME_TEXT * quad_area(quad) for other in sure)]


def best_of(lines: Sequence[ReadQuad], faint: Sequence[ReadQuad]) -> list[ReadQuad]:
    """Return of boxes that show the same text the one that reads best.

    Args:
        lines: what was read in the boxes of the first search.
        faint: what was read in others; only what reads surely is believed.
    """
    rivals = [(credit(line.reading) + SEEN_FIRST, line) for line in lines if line.reading.text]
    believed = [line for line in faint if _is_word(line.reading.text) and credit(line.reading) >= BELIEVED]
    rivals += [(credit(line.reading), line) for line in believed]
    best: list[ReadQuad] = []
    for _, line in sorted(rivals, key=lambda rival: -rival[0]):
        if all(_shared(line.quad, other.quad) < SAME_TEXT for other in best):
            best.append(line)
    return best


def without_noise(lines: Sequence[ReadQuad], scores: Sequence[float]) -> list[ReadQuad]:
    """Leave out what is more likely a pattern than text: it reads unsurely for its length, and was not seen surely.

    Args:
        lines: what was read in the boxes of the first search.
        scores: how sure the detector was of each.
    """
    return [line for line, score in zip(lines, scores, strict=True) if score >= SEEN_SURELY or not _is_noise(line)]


def _is_noise(line: ReadQuad) -> bool:
    return line.confidence < 0.5 + NOISE / max(1, len(line.reading.text))


def _is_word(text: str) -> bool:
    """Say whether a text is more than a sign or a row of the same, which is what grilles and fences read as."""
    return len(set(text)) > 1 and any(character.isalnum() for character in text)


def _shared(one: Points, other: Points) -> float:
    """Return the area that two quads share, as a part of the smaller one's."""
    smaller = min(quad_area(one), quad_area(other))
    return common_area(one, other) / smaller if smaller > 0 else 0.0
