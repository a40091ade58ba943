"""Messages between this process and the one that runs PDFium: a JSON object, then bytes.

No pickles: whoever takes the other process over by a crafted file must not get further.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Protocol

_HEAD = struct.Struct("<IQ")
"""Lengths of the object and of the bytes behind it."""
HEAD = _HEAD.size


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


class Stream(Protocol):
    """What a message is read from."""

    def read(self, size: int, /) -> bytes | None:
        """Return `size` bytes, or fewer at the end."""


def pack(header: dict[str, Any], length: int) -> bytes:
    """Return a message up to the bytes behind it, of which there will be `length`."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return _HEAD.pack(len(text), length) + text


def lengths(head: bytes | bytearray) -> tuple[int, int]:
    """Return the lengths of the object and of the bytes behind it, as the first `HEAD` bytes of a message tell them."""
    header, payload = _HEAD.unpack(head)
    return header, payload


def read(stream: Stream) -> tuple[dict[str, Any], bytes] | None:
    """Read a message; None where the other side has ended."""
    head = stream.read(HEAD)
    if head is None or len(head) < HEAD:
        return None
    header, payload = lengths(head)
    return json.loads(stream.read(header) or b"{}"), stream.read(payload) or b""
