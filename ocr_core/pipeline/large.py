"""Large letters on pages of many lines: names of shops, titles, totals, numbers of orders.

In the search of a page they are larger than what the detector sees at once, and fall apart or are not seen at all. In
one of few pixels they are found, and so is much that the page's search has found better: only words are taken from it
that stand where nothing is read surely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from ocr_core.geometry import Bounds, Points, common_area, quad_area
from ocr_core.pipeline.lines import ReadQuad, credit
from ocr_core.recognition.recognizer import Reading
from ocr_core.recognition.words import Span, span_quad, split_words

FIRM = 0.8
"""A line that reads with such confidence stays, whatever is found there in large letters."""
FREE_QUAD, FREE_WORD = 0.7, 0.15
"""A quad is read of which firm lines take less than this share, and of what it says the words of which they do."""
BELIEVED = 0.8
"""Credit (see `credit`) that a line of large letters must have;"""
EACH = 0.5
"""and what is left of it, where some of its words are read already."""
WORTHLESS = 0.5
"""A line of less credit that has half of its area in what is added was a part of that."""
COVERED = 0.3
"""What lies over so much of a firm line is a stamp across text, and would part its columns: it is left out."""


def firm(lines: Sequence[ReadQuad]) -> list[Points]:
    """Return the quads of the lines that read surely."""
    return [line.quad for line in lines if _is_firm(line)]


def unread(quads: Sequence[Points], lines: Sequence[ReadQuad]) -> list[Points]:
    """Return the quads that lie, for the most part, where no line reads surely."""
    taken = _Firm(lines)
    return [quad for quad in quads if taken.share(quad) < FREE_QUAD]


def with_large(lines: Sequence[ReadQuad], read: Sequence[ReadQuad]) -> list[ReadQuad]:
    """Return the lines of a page, with what was read in large letters and is not among them.

    Args:
        lines: what was read in the quads of the search of the page.
        read: what was read in those of a search for large letters.
    """
    kept = list(lines)
    for line in sorted(read, key=lambda line: -credit(line.reading)):
        if credit(line.reading) < BELIEVED:
            break
        taken = _Firm(kept)
        new = [part for part in _new(line, taken) if _says_something(part) and not taken.lies_under(part.quad)]
        kept = [old for old in kept if not _is_worthless(old) or not any(_lies_in(old, part) for part in new)] + new
    return kept


class _Firm:
    """The lines of a page that read surely."""

    def __init__(self, lines: Sequence[ReadQuad]) -> None:
        self._lines = [line for line in lines if _is_firm(line)]
        self._bounds = Bounds([line.quad for line in self._lines])

    def near(self, quad: Points) -> list[ReadQuad]:
        return [self._lines[i] for i in self._bounds.meeting(quad)]

    def share(self, quad: Points) -> float:
        """Return how much of a quad they take."""
        area = quad_area(quad)
        return sum(common_area(line.quad, quad) for line in self.near(quad)) / area if area > 0 else 1.0

    def lies_under(self, quad: Points) -> bool:
        """Say whether a quad lies over much of one of them."""
        return any(common_area(line.quad, quad) >= COVERED * quad_area(line.quad) for line in self.near(quad))


def _is_firm(line: ReadQuad) -> bool:
    return line.confidence >= FIRM


def _is_worthless(line: ReadQuad) -> bool:
    return not _is_firm(line) and credit(line.reading) < WORTHLESS


def _says_something(line: ReadQuad) -> bool:
    return credit(line.reading) >= EACH and any(c.isalnum() for c in line.reading.text)


def _lies_in(line: ReadQuad, other: ReadQuad) -> bool:
    return common_area(line.quad, other.quad) >= 0.5 * quad_area(line.quad)


def _new(line: ReadQuad, taken: _Firm) -> list[ReadQuad]:
    """Return the runs of words of a line that stand, and are read, nowhere else; the line itself if all of them are."""
    words = split_words(line.reading.characters, line.reading.frames)
    said = {word for other in taken.near(line.quad) for word in other.reading.text.split()}
    # The box of "1." may lie a little off that of "1. Introduction".
    new = [taken.share(span_quad(line.quad, word)) < FREE_WORD and word.text not in said for word in words]
    if all(new):
        return [line]
    runs = [list(run) for is_new, run in groupby(range(len(words)), new.__getitem__) if is_new]
    return [_part(line, words, run[0], run[-1]) for run in runs]


def _part(line: ReadQuad, words: Sequence[Span], first: int, last: int) -> ReadQuad:
    """Return a line's words from one to another as a line of their own."""
    span = replace(words[first], right=words[last].right)
    whole = line.reading
    start = span.left * whole.frames
    runs = [list(run) for is_space, run in groupby(whole.characters, lambda c: c.text.isspace()) if not is_space]
    inner = [c for c in whole.characters if runs[first][0].start <= c.start <= runs[last][-1].start]
    characters = tuple(replace(c, start=round(c.start - start), end=round(c.end - start)) for c in inner)
    return ReadQuad(span_quad(line.quad, span), Reading(characters, (span.right - span.left) * whole.frames))
