"""Lines wider than the widest input: read in overlapping windows, joined where both see nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocr_core.charset import BLANK
from ocr_core.recognition.ctc import Frames


def window_starts(width: int, window: int, overlap: int) -> list[int]:
    """Return the left edges, in pixels, of windows of `window` pixels that cover `width` with `overlap` at least.

    The windows are spread evenly, so that no join lies nearer to an edge of the line than it must.
    """
    if width <= window:
        return [0]
    count = -(-(width - overlap) // (window - overlap))
    return [round(i * (width - window) / (count - 1)) for i in range(count)]


def join(parts: Sequence[Frames], starts: Sequence[int]) -> Frames:
    """Join the frames of overlapping windows of one line.

    Args:
        parts: one for each window, in order.
        starts: the frame of the line at which each begins.
    """
    joined = parts[0]
    for part, start in zip(parts[1:], starts[1:], strict=True):
        cut = _cut(joined, part, start)
        joined = Frames(
            np.concatenate((joined.classes[:cut], part.classes[cut - start :])),
            np.concatenate((joined.probabilities[:cut], part.probabilities[cut - start :])),
        )
    return joined


def _cut(left: Frames, right: Frames, start: int) -> int:
    """Return the frame at which to pass from `left` to `right`: both blank there, as near to the middle as possible."""
    end = len(left.path)
    middle = (start + end) // 2
    both_blank = np.flatnonzero((left.path[start:] == BLANK) & (right.path[: end - start] == BLANK)) + start
    return int(both_blank[np.abs(both_blank - middle).argmin()]) if len(both_blank) else middle
