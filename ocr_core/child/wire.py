"""Messages between this process and a child of it: a JSON object, then bytes.

No pickles: whoever takes the other process over by a crafted file must not get further.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Protocol

_HEAD = struct.Struct("<IQ")
"""Lengths of the object and of the bytes behind it."""
HEAD = _HEAD.size
PIECE = 1 << 20
"""Bytes of a long answer that are sent at once."""


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
