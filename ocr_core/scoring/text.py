"""How texts are compared: forms of the same string from mild to strict, and the edit distance."""

from __future__ import annotations

import unicodedata


def nfkc(text: str) -> str:
    """Return `text` in compatibility form (NFKC), trimmed: full-width forms, ligatures and odd spaces become plain."""
    return unicodedata.normalize("NFKC", text).strip()


def squash(text: str) -> str:
    """Return `text` in compatibility form and without white space."""
    return "".join(nfkc(text).split())


def alphanumeric(text: str) -> str:
    """Return the letters and digits of `text`, in compatibility form and case-folded."""
    return "".join(c for c in nfkc(text).casefold() if c.isalnum())


def words(text: str) -> list[str]:
    """Return the words of `text`, in compatibility form and case-folded."""
    return [word.casefold() for word in nfkc(text).split()]


def characters(text: str) -> list[str]:
    """Return the characters of `text` that are no white space, in compatibility form and case-folded."""
    return [c.casefold() for c in squash(text)]


def edit_distance(a: str, b: str) -> int:
    """Return the Levenshtein distance of two strings.

    Keeps a column of the table as bits of two integers, one for steps up and one for steps down (Myers 1999, in the
    form of Hyyrö 2003), so that a line of text costs as many steps as `b` has characters.
    """
    if not a:
        return len(b)
    where: dict[str, int] = {}
    for i, c in enumerate(a):
        where[c] = where.get(c, 0) | 1 << i
    full, last = (1 << len(a)) - 1, 1 << len(a) - 1
    up, down, distance = full, 0, len(a)
    for c in b:
        equal = where.get(c, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down
        right_up = (down | ~(diagonal | up)) & full
        right_down = up & diagonal
        distance += bool(right_up & last) - bool(right_down & last)
        right_up = (right_up << 1 | 1) & full
        right_down = right_down << 1 & full
        up = (right_down | ~(diagonal | right_up)) & full
        down = right_up & diagonal
    return distance
