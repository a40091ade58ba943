"""Free vertical strips that rows one below the other share: what parts the columns of a table.

Words are what strips run between, for detectors find cells with little between them as one line. A strip through words
of one line proves nothing by itself, as spaces stand one below the other by chance; one between lines does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_core.layout.boxes import Row, Strip

PITCH = 3.0
"""Greatest distance of the centres of two rows of a table, in heights of the lower one."""
LEAST = 0.1
"""Least width of a strip between words as they are narrowed (`Row.words`), in heights of a row."""
NEAR = 0.6
"""A gap between lines that misses a strip by no more, in heights of a row, is of it: some boxes are found too large."""
WINDOW = 3
"""So many rows above and below one that crosses a strip have a vote whether it spans columns."""
MOST_WORDS = 100
"""Most words of a row of a table."""
PROVED = 2
"""A strip between lines of so many rows is one of the table: what crosses it spans columns, or ends the table."""


@dataclass(frozen=True, slots=True)
class Grown:
    """Rows that share strips."""

    stop: int
    """The row behind the last."""
    strips: tuple[Strip, ...]
    """Those that part something, from left to right. Cells of some rows may cross them."""


def follows(above: Row, below: Row) -> bool:
    """Whether a row may be the next of a table."""
    apart = below.middle - above.middle
    return 0 < apart <= PITCH * min(above.height, below.height)


def grow(rows: Sequence[Row], start: int) -> Grown:
    """Return the strips that the row `start` shares with as many rows below it as possible."""
    strips = before = list(rows[start].gaps)
    spanning: set[int] = set()
    stop = start + 1
    while stop < len(rows) and _goes_on(rows[stop - 1], rows[stop]):
        row = rows[stop]
        cut = [i for i in crossed(strips, row) if strips[i].proof]
        kept = _outvoted(strips, cut, rows, start, stop)
        lost = max((strips[i].proof for i in cut if i not in kept), default=0)
        left = max((strip.proof for i, strip in enumerate(strips) if i not in cut), default=0)
        stands_between = any(strip.rows and strip.left < row.left and row.right < strip.right for strip in strips)
        if stands_between or lost >= max(PROVED, left) or (kept and stop - 1 in spanning):
            break
        shared = [*_shared(strips, row), *(strips[i] for i in kept)]
        if not any(strip.rows for strip in shared):
            break
        if kept:
            before = strips
            spanning.add(stop)
        strips = sorted(shared, key=lambda strip: strip.left)
        stop += 1
    if stop - 1 in spanning:  # what looked like a cell over several columns was text below the table
        stop, strips = stop - 1, before
    return Grown(stop, tuple(strip for strip in strips if strip.rows))


def crossed(strips: Sequence[Strip], row: Row) -> list[int]:
    """Return which strips a row crosses.

    Boxes of lines are sometimes found too large. So a gap between lines that meets no strip is taken for one of the
    strip next to it.
    """
    gaps = row.gaps
    met = _widths(strips, gaps, LEAST * row.height)
    spared = set(range(len(gaps))) - {j for _, j in met}
    spare = [gaps[j] for j in spared if gaps[j].between]
    missed = sorted(set(range(len(strips))) - {i for i, _ in met})
    return [i for i in missed if not any(_overlap(gap, strips[i]) >= -NEAR * row.height for gap in spare)]


def _widths(strips: Sequence[Strip], gaps: Sequence[Strip], least: float) -> dict[tuple[int, int], float]:
    """Return how much strips and gaps, both from left to right, have in common, where it is at least so much."""
    widths: dict[tuple[int, int], float] = {}
    i = j = 0
    while i < len(strips) and j < len(gaps):
        width = _overlap(strips[i], gaps[j])
        if width >= least:
            widths[i, j] = width
        if strips[i].right < gaps[j].right:
            i += 1
        else:
            j += 1
    return widths


def _overlap(a: Strip, b: Strip) -> float:
    return min(a.right, b.right) - max(a.left, b.left)


def _shared(strips: Sequence[Strip], row: Row) -> list[Strip]:
    """Return what a row leaves of strips.

    A row counts once for each gap that it has: where cells are empty or short its gap is over several strips, and tells
    of the widest alone. So does what was known of a strip that the row parts.
    """
    gaps = row.gaps
    widths = _widths(strips, gaps, LEAST * row.height)
    of_strip = {i: (i, j) for (i, j) in sorted(widths, key=widths.__getitem__)}
    of_gap = {j: (i, j) for (i, j) in sorted(widths, key=widths.__getitem__)}
    shared = []
    for i, j in widths:
        known = [strips[i]] * (of_strip[i] == (i, j)) + [gaps[j]] * (of_gap[j] == (i, j))
        left, right = max(strips[i].left, gaps[j].left), min(strips[i].right, gaps[j].right)
        between, within = sum(each.between for each in known), sum(each.within for each in known)
        shared.append(Strip(left, right, between, within, sum(each.figures for each in known)))
    near = set(range(len(strips))) - {i for i, _ in widths} - set(crossed(strips, row))
    return [*shared, *(replace(strips[i], between=strips[i].between + 1) for i in near)]


def _goes_on(above: Row, below: Row) -> bool:
    return below.word_count <= MOST_WORDS and follows(above, below)


def _outvoted(strips: Sequence[Strip], which: Sequence[int], rows: Sequence[Row], start: int, row: int) -> list[int]:
    """Return which strips that a row crosses more of the rows near it keep free than cross them, that one included.

    A row keeps a strip free that has something on both sides of it.
    """
    if not which:
        return []
    first, last = row, row
    while first > max(start, row - WINDOW) and _goes_on(rows[first - 1], rows[first]):
        first -= 1
    while last + 1 < min(len(rows), row + WINDOW + 1) and _goes_on(rows[last], rows[last + 1]):
        last += 1
    votes = dict.fromkeys(which, -1)
    for other in (*rows[first:row], *rows[row + 1 : last + 1]):
        crosses = set(crossed(strips, other))
        left, right = other.words[0].right, other.words[-1].left
        for i in which:
            if i in crosses:
                votes[i] -= 1
            elif left <= strips[i].left and strips[i].right <= right:
                votes[i] += 1
    return [i for i in which if votes[i] > 0]
