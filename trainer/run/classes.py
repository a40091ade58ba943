"""A recognizer's classes carried from one charset to another, so that new characters cost none of the old ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ocr_core.charset import Charset

ROWS = ("head.classify.weight", "head.classify.bias")
"""Tensors with a row for each class."""
UNLIKELY = 4.0
"""By so much the bias of a new class starts below the least of the old ones: none is read before it was seen."""


def carried(
    tensors: Mapping[str, Tensor],
    old: Charset,
    new: Charset,
    own: Mapping[str, Tensor],
    *,
    trained: bool = False,
) -> dict[str, Tensor]:
    """Return a state's `tensors` with the classes of `new` instead of those of `old`.

    Rows of characters that both have are kept, and that of the blank; new ones are those of `own`, and unlikely at
    first unless `own` is `trained`.
    """
    rows = {entry: row for row, entry in enumerate(("", *old.entries))}
    kept = [(row, rows[entry]) for row, entry in enumerate(("", *new.entries)) if entry in rows]
    into, out_of = (torch.tensor(side) for side in zip(*kept, strict=True))
    changed = dict(tensors)
    for name in ROWS:
        before, fresh = tensors[name].float(), own[name].detach().float().clone()
        if fresh.ndim == 1 and not trained:
            fresh += before.min() - UNLIKELY
        fresh[into] = before[out_of]
        changed[name] = fresh
    return changed
