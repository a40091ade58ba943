"""The lines of a paragraph as running text: words that a line end divides are made whole again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

_HYPHENS = "-\u00ad\u2010\u00ac"
"""Hyphen-minus, soft hyphen, hyphen, and the sign that recognizers take it for."""
_HEAD = re.compile(rf"([^\W\d_]+(?:-[^\W_]+)*)[{_HYPHENS}]$")
"""What stands before a hyphen at the end of a line: a word that begins with a letter, or some of a compound."""
_TAIL = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_COMPOUND = re.compile(r"(?<![^\W_])[^\W_]+(?:-[^\W_]+)+")
_UNSPACED = re.compile(r"[\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff]")
"""Characters of scripts that set no spaces between words: Chinese and Japanese, but not Korean."""
_LONGEST = 100
"""Characters before a hyphen that are looked at. Expressions take the square of the length of a word without an end."""


def compounds_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the words with hyphens that lines spell out, case-folded."""
    return frozenset(found.casefold() for text in texts for found in _COMPOUND.findall(text))


def join_lines(texts: Sequence[str], known: AbstractSet[str] = frozenset()) -> str:
    """Return the lines of one paragraph as one line of text.

    A hyphen at a line's end goes where the next line goes on in lower case (`com-`, `puter`): most such hyphens are
    there for the line alone. It stays before a capital and before a digit (`COVID-`, `19`), in a compound of three
    (`state-of-the-`, `art`), and where another line spells the compound out (`two-`, `column` beside "two-column") or
    it is among the `known`. Chinese and Japanese lines are joined without a space.
    """
    lines = [line for text in texts if (line := " ".join(text.split()))]
    compounds = known | compounds_in(lines)
    joined = ""
    for line in lines:
        joined = _join(joined, line, compounds) if joined else line
    return joined


def _join(before: str, after: str, compounds: AbstractSet[str]) -> str:
    head = _HEAD.search(before, max(0, len(before) - _LONGEST)) if before[-1] in _HYPHENS else None
    tail = _TAIL.match(after)
    if not head or not tail:
        unspaced = _UNSPACED.match(before[-1]) and _UNSPACED.match(after)
        return f"{before}{'' if unspaced else ' '}{after}"
    stays = not after[0].islower() or "-" in head[1] or f"{head[1]}-{tail[0]}".casefold() in compounds
    return (before if stays else before[:-1]) + after
