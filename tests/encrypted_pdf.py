"""Encryption by the standard security handler of revision 2 (PDF 1.7, 7.6): RC4 with 40 bits."""

from __future__ import annotations

import hashlib
import struct

from pdfs import HELVETICA, LINES, paragraph, pdf, stream

PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
FILE_ID = b"0123456789abcdef"


def encrypted(password: bytes) -> bytes:
    """Return a PDF that opens with this password."""
    padded = (password + PAD)[:32]
    owner = rc4(hashlib.md5(padded).digest()[:5], padded)
    rights = struct.pack("<i", -4)
    key = hashlib.md5(padded + owner + rights + FILE_ID).digest()[:5]
    content = paragraph(LINES)
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Count 1/Kids[4 0 R]>>",
        3: HELVETICA,
        4: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</Font<</F 3 0 R>>>>>>",
        5: stream(rc4(hashlib.md5(key + struct.pack("<I", 5)[:3] + bytes(2)).digest()[:10], content)),
    }
    handler = b"<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>" % (owner.hex().encode(), rc4(key, PAD).hex().encode())
    return pdf(objects, trailer=b"/Encrypt %s/ID[<%s><%s>]" % (handler, *[FILE_ID.hex().encode()] * 2))


def rc4(key: bytes, data: bytes) -> bytes:
    """Return the data encrypted or decrypted."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
