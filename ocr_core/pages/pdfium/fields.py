"""The characters of a page, as the process that runs PDFium hands them over."""

from __future__ import annotations

FIELDS = (
    ("code", "I", 1),
    ("box", "f", 4),
    ("ink", "f", 4),
    ("angle", "f", 1),
    ("size", "f", 1),
    ("painted", "I", 1),
    ("flags", "I", 1),
)
"""Arrays of a page's characters: name, type code and numbers a character.

`code` is the Unicode point; `box` left, bottom, right and top in user space, from the font's descent to its ascent and
as wide as the character advances; `ink` likewise, where its outline lies, without an area if it has none; `angle` that
of its baseline in radians, counterclockwise; `size` the font's height in user space; `painted` when its object is
painted, counted from the page's first, 0 if it is not known.
"""

GENERATED, HYPHEN, UNSEEN = 1, 2, 4
"""Bits of `flags`: put in by PDFium where there is a gap; a hyphen at the end of a line; drawn without leaving a
mark."""
