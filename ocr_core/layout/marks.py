"""What items of lists and headings begin with."""

from __future__ import annotations

import re

_KINDS = {
    "bullet": re.compile(r"[•●○▪■□◦‣⁃·∙*–—-](?:\s|$)"),
    "number": re.compile(r"\(?\d{1,3}[.)](?:\s|$)"),
    "reference": re.compile(r"\[\d{1,3}\](?:\s|$)"),
    "letter": re.compile(r"\(?[a-z][.)](?:\s|$)"),
}
_SECTION = re.compile(r"(\d{1,2}(?:\.\d{1,2})+|\d{1,2}(?=\.))\.?\s+[^\W\d_a-z]")
"""The number of a section, with a point (others are of pages), and a capital or a letter that has no case."""


def list_mark(text: str) -> str:
    """Return the kind of mark that an item of a list begins with: "bullet", "number", "reference", "letter" or ""."""
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(text)), "")


def section_depth(text: str) -> int:
    """Return how many numbers the number of a section has that the text begins with, as `2.1` has two; 0 for none."""
    found = _SECTION.match(text)
    return found[1].count(".") + 1 if found else 0
