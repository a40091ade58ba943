"""Load as a service meets it: several clients at a time, pages, blank pages, broken files, and clients in a hurry."""

from __future__ import annotations

import random
import struct
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections import Counter

IN_A_HURRY = {"X-Request-Timeout-Ms": "20"}


def blank_png(width: int = 320, height: int = 200) -> bytes:
    """Return a white page, grey of 8 bits."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + b"\xff" * width for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Load:
    """Clients that each send the next image when the last is answered; `codes` counts the answers."""

    def __init__(self, url: str, page: bytes, clients: int) -> None:
        self.url = url
        self.codes: Counter[int] = Counter()
        self._kinds = [("image/jpeg", page, {}), ("image/jpeg", page, IN_A_HURRY)]
        self._kinds += [("image/png", blank_png(), {}), ("image/jpeg", b"no image at all", {})]
        self._counted = threading.Lock()
        self._clients = clients

    def run(self, seconds: float) -> None:
        """Send for so long, and wait for the last answers."""
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._client, args=(seed, end)) for seed in range(self._clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, seed: int, end: float) -> None:
        choice = random.Random(seed)
        while time.monotonic() < end:
            kind, body, headers = choice.choices(self._kinds, weights=(80, 10, 5, 5))[0]
            code = self._send(body, {"Content-Type": kind, **headers})
            with self._counted:
                self.codes[code] += 1

    def _send(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{self.url}/v1/ocr", body, headers), timeout=60
            ) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.read()
            return error.code
