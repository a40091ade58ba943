"""What items of lists and headings begin with."""

from __future__ import annotations

import re

_KINDS = {
    "bullet": re.compile(r"[•●○▪■□◦‣⁃·∙*–—-](?:\s|$)"),
    "number": re.compile(r"\(?\d{1,3}[.)](?:\s|$)"),
    "reference": re.compile(r"\[\d{1,3}\](?:\s|$)"),
    "letter": re.compile(r"\(?[a-z][.)](?:\s|$)"),
}
_FIRST = re.compile(r"\(?[1ai][.)]\s")
_SECTION = re.compile(r"((?:\d{1,2}|[A-Z])(?:\.\d{1,2})+|\d{1,2}(?=\.))\.?\s+[^\W\d_a-z]")
"""The number of a section, with a point (others are of pages), or of one of an appendix, which begins with a letter;
and a capital or a letter that has no case."""
_ADDRESS = re.compile(r"\S*[@/]\S*")
_SPEECH = re.compile(r"[QA][.:](?:\s|$)")
_BARE = re.compile(r"\d{1,2}\s+[^\W\d_a-z].*\D$")
"""The number of a section without a point; what ends in a number, too, is a date, or of a list of contents."""
_LEADER = re.compile(r"\.{4}|(?:[.…·] ){3}")
"""Dots that lead to the number of a page."""
_RAISED = re.compile(r"[\d'’*†‡§]{1,2} ?[^\W\d_a-z]\w{2,}")
"""A raised mark, as notes and authors' addresses begin with, and the word that it stands before."""
_NOTE = re.compile(r"(?:\d{1,2}|[*†‡§]) ?[^\W\d_]")
"""A raised mark, and the first letter of a note."""
_LETTERS = re.compile(r"[^\W\d_]{3,}")


def list_mark(text: str) -> str:
    """Return the kind of mark that an item of a list begins with: "bullet", "number", "reference", "letter" or ""."""
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(text)), "")


def is_first(text: str) -> bool:
    """Say whether a text begins with the mark of the first item of a list."""
    return bool(_FIRST.match(text))


def section_depth(text: str) -> int:
    """Return how many numbers the number of a section has that the text begins with, as `2.1` has two; 0 for none."""
    found = _SECTION.match(text)
    return found[1].count(".") + 1 if found else 0


def has_bare_number(text: str) -> bool:
    """Say whether a text begins with a number as sections have it that are large enough to be known without a point."""
    return bool(_BARE.match(text))


def has_leader(text: str) -> bool:
    """Say whether dots lead to something, as in lists of contents."""
    return bool(_LEADER.search(text))


def has_raised_mark(text: str) -> bool:
    """Say whether a text begins with a raised mark, which is read as a digit or a quotation mark before its word."""
    return bool(_RAISED.match(text))


def is_address(text: str) -> bool:
    """Say whether a text is nothing but an address of the Web, or one of mail."""
    return bool(_ADDRESS.fullmatch(text))


def is_speech(text: str) -> bool:
    """Say whether a text is a question or an answer, as records of hearings have them."""
    return bool(_SPEECH.match(text))


def is_note(text: str) -> bool:
    """Say whether a text may be a note at the foot of a page."""
    return bool(_NOTE.match(text))


def letters_of_words(text: str) -> int:
    """Return how many letters stand in words: three or more, in small letters but for the first, or all in capitals."""
    found = _LETTERS.findall(text)
    return sum(len(word) for word in found if word.isupper() or not any(c.isupper() for c in word[1:]))
