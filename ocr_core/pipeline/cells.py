"""Columns of short cells, such as quantities, that a detector finds as one line that runs down.

Their cores stand closer to each other than to anything beside them. Read downwards, "2" over "2" over "2" is "NNN".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.geometry import Points, order_quad, quad_size
from ocr_core.pipeline.lines import ReadQuad
from ocr_core.preprocess import Pixels
from ocr_core.recognition.crop import cut_line, is_tall

READS_SURELY = 0.97
"""A line that reads downwards with such confidence is one: "200" on its side may be as sure an "8" over an "N"."""
LONGEST = 30.0
"""Longer lines, in widths, are not taken for columns."""
MOST = 20
"""So many lines of a page are: a pattern may have any number of tall ones."""
INK = 0.4
"""Rows hold ink where they are so rich in contrast, as a share of what rows with ink are."""
FAINTEST = 20.0
"""Levels of contrast below which nothing is told apart."""
GAP, HIGHEST = 0.12, 2.2
"""Least height of a gap between cells, and greatest height of a cell, in widths."""
SLIVER = 0.2
"""What touches the end of a column and is lower, in widths, belongs to a neighbour; a dash may be as low elsewhere."""
SPECK = 2
"""Fewer rows are no cell."""
MARGIN = 0.18
"""What a cell keeps of the gap above and below, in widths, up to a half of it."""
LEAST = 0.75
"""Confidence that cells must read with on average,"""
EACH = 0.3
"""and each by itself;"""
AHEAD = 0.03
"""and by how much they must read better than the line."""
CHARACTERS = 3
"""A cell of a column as narrow as a line is high holds no more."""


def candidates(lines: Sequence[ReadQuad]) -> list[int]:
    """Return the indices of the lines that may be columns of cells."""
    tall = (
        i
        for i, line in enumerate(lines)
        if line.confidence < READS_SURELY and _runs_down(order_quad(line.quad)) and line.reading.text
    )
    return list(islice(tall, MOST))


def _runs_down(quad: Points) -> bool:
    width, height = quad_size(quad)
    return is_tall(quad) and height <= LONGEST * width


def cells_of(pixels: Pixels, quad: Points) -> list[Points]:
    """Return the quads of the cells that stand in a tall quad, from above to below; none if they are not told apart.

    Args:
        pixels: H×W×3 BGR.
        quad: 4×2, as its line was read.
    """
    quad = order_quad(quad)
    width, height = quad_size(quad)
    crop = cv2.cvtColor(cut_line(pixels, quad, max(1, round(height))), cv2.COLOR_BGR2GRAY)
    contrast = np.ptp(crop.astype(np.float32), axis=1)
    strong = float(np.percentile(contrast, 90))
    if strong < FAINTEST:
        return []
    runs = _runs(contrast > INK * strong, max(2.0, GAP * width), SLIVER * width)
    if len(runs) < 2 or any(end - start > HIGHEST * width for start, end in runs):
        return []
    return [_between(quad, *edges) for edges in _widened(runs, len(contrast), MARGIN * width)]


def column(line: ReadQuad, cells: Sequence[ReadQuad]) -> list[ReadQuad]:
    """Return the cells that a line proves to be, which was read downwards; none if it is a line.

    Cells in which nothing is read stand at the ends, where a neighbour reaches into the box, or there is no column.
    """
    filled = [i for i, cell in enumerate(cells) if cell.reading.text]
    inner = list(cells[filled[0] : filled[-1] + 1]) if filled else []
    sure = [cell.confidence if 0 < len(cell.reading.text) <= CHARACTERS else 0.0 for cell in inner]
    believed = len(sure) > 1 and min(sure) >= EACH and float(np.mean(sure)) >= max(LEAST, line.confidence + AHEAD)
    return inner if believed else []


def _runs(ink: NDArray[np.bool_], gap: float, sliver: float) -> list[tuple[int, int]]:
    """Return where rows with ink begin and end; those parted by less than `gap` rows are one, specks are none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ink, [False]]).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and start - runs[-1][1] < gap:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return [
        (start, end)
        for start, end in runs
        if end - start >= (SPECK if start > 0 and end < len(ink) else max(SPECK, sliver))
    ]


def _widened(runs: Sequence[tuple[int, int]], rows: int, margin: float) -> list[tuple[float, float]]:
    """Return the edges of cells as shares of all rows, moved outwards by `margin` or to the middle of the gap."""
    middles = [0.0, *((a[1] + b[0]) / 2 for a, b in pairwise(runs)), float(rows)]
    return [
        (max(start - margin, above) / rows, min(end + margin, below) / rows)
        for (start, end), (above, below) in zip(runs, pairwise(middles), strict=True)
    ]


def _between(quad: Points, top: float, bottom: float) -> Points:
    left, right = quad[3] - quad[0], quad[2] - quad[1]
    corners = [quad[0] + left * top, quad[1] + right * top, quad[1] + right * bottom, quad[0] + left * bottom]
    return np.asarray(corners, np.float32)
