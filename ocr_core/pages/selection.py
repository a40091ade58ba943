"""Which pages of a file are meant by `1-5,9`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from ocr_core.errors import PageSelectionError, TooManyPagesError

MAX_LENGTH = 1_000
"""Characters of a selection: some two hundred ranges."""

_RANGE = re.compile(r"(\d{1,9})?\s*(-)?\s*(\d{1,9})?", re.ASCII)


def select_pages(text: str | None, count: int, limit: int) -> Sequence[int]:
    """Return the indices, from 0, of the chosen pages, in the order of the file and each once.

    Args:
        text: page numbers from 1 and ranges, separated by commas: `3`, `1-5,9`, `3-` to the end, `-2` from the start.
            None and the empty string mean all pages.
        count: pages that the file has.
        limit: how many may be chosen.

    Raises:
        PageSelectionError: not understood, or the file has no such page.
        TooManyPagesError: more than `limit`.
    """
    ranges = _disjoint([_resolve(first, last, count) for first, last in parse_selection(text)])
    chosen = sum(map(len, ranges))
    if chosen > limit:
        raise TooManyPagesError(
            f"{chosen} pages are asked for, at most {limit} are read at a time; choose with pages=1-{limit}"
        )
    return list(chain.from_iterable(ranges))


def parse_selection(text: str | None) -> list[tuple[int, int | None]]:
    """Return the first and the last page of each range; None: the last one of whatever file it will be.

    Raises:
        PageSelectionError: not understood.
    """
    if text is not None and len(text) > MAX_LENGTH:
        raise PageSelectionError(f"a selection of pages has at most {MAX_LENGTH} characters")
    return [_parse(part.strip()) for part in text.split(",")] if text and text.strip() else [(1, None)]


def _parse(part: str) -> tuple[int, int | None]:
    match = _RANGE.fullmatch(part)
    first, dash, last = match.groups() if match else (None, None, None)
    if first is None and last is None:
        raise PageSelectionError(f"{part[:40]!r} is no page and no range of pages, such as 3, 1-5, 3- or -2")
    begin = int(first or 1)
    end = int(last) if last else None if dash else begin
    if begin < 1:
        raise PageSelectionError("there is no page 0; the first one is 1")
    if end is not None and end < begin:
        raise PageSelectionError(f"{part} ends before it begins")
    return begin, end


def _resolve(first: int, last: int | None, count: int) -> range:
    if max(first, last or 0) > count:
        raise PageSelectionError(f"there is no page {last or first}; the file has {count} page{'s' * (count != 1)}")
    return range(first - 1, last or count)


def _disjoint(ranges: list[range]) -> list[range]:
    """Return the union as ranges in ascending order; nothing is as large as the pages that are chosen."""
    merged: list[range] = []
    for one in sorted(ranges, key=lambda r: r.start):
        if merged and one.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, one.stop))
        else:
            merged.append(one)
    return merged
