"""Text inside XML."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

# All that production [2] of XML 1.0 leaves out: control characters, halves of surrogate pairs, two non-characters.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTES = {'"': "&quot;", "'": "&#39;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def content(text: str) -> str:
    """Return a text as it stands between tags; characters that XML has no way to write become U+FFFD."""
    return escape(_ILLEGAL.sub("\ufffd", text))


def attribute(text: str) -> str:
    """Return a text as it stands between the quotes, of either kind, of an attribute."""
    return escape(_ILLEGAL.sub("\ufffd", text), _QUOTES)
