"""HTTP/1.1 as uvicorn speaks it by h11, which takes a tenth of a millisecond for each chunk of a chunked body."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SPARE_LINES = 100
"""Lines that a request may have whatever their length: its headers, and some short chunks."""
LINE_BYTES = 64
"""Bytes of a line on the average, beyond those. A chunk is two lines, and those of real clients have kilobytes; a
line of base64 has 76."""


class Protocol(H11Protocol):
    """Refuses requests of very many short lines: 256 kB of chunks of one byte would hold the event loop for seconds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lines = 0
        self._bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take in what has come, unless it is little more than line ends."""
        # Headers by themselves first: they tell whether lines mean anything in what follows.
        end = data.find(b"\r\n\r\n") + 4 if self.conn.their_state is h11.IDLE and b"\r\n\r\n" in data else len(data)
        for piece in (data[:end], data[end:]):
            if piece and not self.transport.is_closing():
                self._take(piece)

    def _take(self, data: bytes) -> None:
        if not self._in_body_of_known_length():
            self._lines += data.count(b"\r\n")
            self._bytes += len(data)
            if self._lines > SPARE_LINES + self._bytes // LINE_BYTES:
                self._refuse()
                return
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Begin to count anew."""
        self._lines = self._bytes = 0
        super().on_response_complete()

    def _in_body_of_known_length(self) -> bool:
        if self.conn.their_state is not h11.SEND_BODY:
            return False
        return not any(name == b"transfer-encoding" for name, _ in self.headers or ())

    def _refuse(self) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.send_400_response("Too many lines or chunks.")
        else:
            self.transport.close()
