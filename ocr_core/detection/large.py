"""Whether a page has letters that are too large for its search: traces of them are left in its map.

A detector sees parts of such letters, here a stem and there a bow, and is unsure of most. On pages without large
letters little is left of a map where the lines are taken out of it, so that few pages are searched for them.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.backends.base import Tensor
from ocr_core.geometry import Points, hull

SHRUNK = 4
"""Traces are looked at in a map so many times as narrow and low."""
TRACE = 0.1
"""What a map shows of text, averaged so, where there is a trace."""
APART = 5
"""Traces are one patch that are parted by less than so many pixels of the shrunk map, here and below."""
BORDER = 3
"""Width of the line, in such pixels, that is drawn around a box: its text shines out by one."""
SIDE, AREA = 6, 64
"""A patch is as wide and as high at least, and holds so many pixels with a trace, that shows large letters."""

Traces = NDArray[np.float32]
"""A map, H/4×W/4."""


def traces(output: Tensor) -> Traces:
    """Return the shrunk map of a detector's output, 1×1×H×W; both sides at least 4."""
    height, width = output.shape[2:]
    return np.asarray(cv2.resize(output[0, 0], (width // SHRUNK, height // SHRUNK), interpolation=cv2.INTER_AREA))


def shows_large(traces: Traces, lines: Iterable[Points], size: tuple[int, int]) -> bool:
    """Say whether the traces of an image of `size` (width, height) show large letters beside the quads of its lines."""
    free = traces.copy()
    scale = np.array([free.shape[1] / size[0], free.shape[0] / size[1]], np.float32)
    for quad in lines:
        corners = np.round(hull(quad * scale)).astype(np.int32)
        cv2.fillConvexPoly(free, corners, 0.0)
        cv2.polylines(free, [corners], True, 0.0, BORDER)
    active = (free > TRACE).astype(np.uint8)
    patches = cv2.morphologyEx(active, cv2.MORPH_CLOSE, np.ones((APART, APART), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(patches)
    areas = np.bincount(labels.ravel(), weights=active.ravel())
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1)
    return bool(((sides >= SIDE) & (areas >= AREA))[1:].any())
