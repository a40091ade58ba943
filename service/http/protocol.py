"""HTTP/1.1 as uvicorn speaks it by h11, within bounds of lines, time and connections.

uvicorn waits for ever for the rest of a head and for clients that do not read; its own limit of connections refuses
probes as well, and lets those that say nothing keep everyone out.
"""

from __future__ import annotations

import asyncio
from array import array
from contextlib import suppress
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.http.descriptors import BACKLOG

SPARE_LINES = 100
"""Lines that a request may have whatever their length: its headers, and some short chunks."""
LINE_BYTES = 64
"""Bytes of a line on the average, beyond those. A chunk is two lines, and those of real clients have kilobytes; a
line of base64 has 76. h11 takes a tenth of a millisecond for each: 256 kB of chunks of one byte would be seconds."""
HEAD_SECONDS = 10.0
"""From the opening of a connection, or the answer before, to the end of a request's head. Idle ones go after five."""
UNREAD_SECONDS = 31.0
"""How long a client may take nothing of what is left of an answer; a moment longer than the application waits for it,
which can tell the log why."""
SETTLING_SECONDS = 1.0
"""For so long no connection makes room for others: the head may be here already, and wait to be looked at."""
CROWDED = "crowded"
"""Name in the state of a request that came while there were too many connections."""


class Protocol(H11Protocol):
    """Refuses requests of very many short lines, and hangs up on clients that do not go on. See `protocol_within`."""

    max_connections: ClassVar[int]
    overshoot: ClassVar[int]
    """By so many there may be more while those that have just come settle."""
    waiting: ClassVar[dict[Protocol, float]]
    """Connections without a whole head, the one that waits for longest first, and since when."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app_state = dict(self.app_state)
        self._lines = 0
        self._bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; where there are too many connections, those idle for longest make room."""
        super().connection_made(transport)
        self._note_waiting()
        while self.waiting and len(self.connections) > self.max_connections:
            oldest, since = next(iter(self.waiting.items()))
            settles = len(self.connections) <= self.max_connections + self.overshoot
            if oldest is self or (settles and self.loop.time() - since <= SETTLING_SECONDS):
                break
            oldest.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._stop_waiting()
        self._stop_unread()
        if self._flush_timer is not None:
            self._flush_timer.cancel()

    def hang_up(self) -> None:
        """Close the connection of a client that has asked for nothing."""
        self._stop_waiting()
        self.connections.discard(self)
        self.transport.close()
        self._flush_in_time()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection of a client that asks for nothing more."""
        super().timeout_keep_alive_handler()
        self._flush_in_time()

    def handle_events(self) -> None:
        """Begin the requests whose heads have come, and tell the application when they are too many."""
        others = len(self.connections) - len(self.waiting) - (self not in self.waiting)
        self.app_state[CROWDED] = others >= self.max_connections
        super().handle_events()
        self._note_waiting()

    def pause_writing(self) -> None:
        """Begin to count the time in which the client reads too little."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop counting."""
        super().resume_writing()
        self._stop_unread()

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
        self._note_waiting()
        self._flush_in_time()

    def _note_waiting(self) -> None:
        waits = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if not waits:
            self._stop_waiting()
        elif self not in self.waiting:
            self.waiting[self] = self.loop.time()
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.hang_up)

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()

    def _stop_unread(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()

    def _flush_in_time(self) -> None:
        """See that a connection that is closed, but first sends what it holds, ends if its client takes none of that.

        What is too little to pause for has no other clock, and would keep its socket for as long as the client likes.
        """
        if self.transport.is_closing() and self._flush_timer is None:
            self._look_again(_untaken(self.transport))

    def _look_again(self, before: int) -> None:
        def look() -> None:
            left = _untaken(self.transport)
            if left < before:
                self._look_again(left)
            else:
                self.transport.abort()

        self._flush_timer = self.loop.call_later(UNREAD_SECONDS, look)

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


def _untaken(transport: asyncio.Transport) -> int:
    """Return how many bytes the client has not acknowledged; where the system does not tell, those not handed to it."""
    waiting = array("i", [0])
    with suppress(ImportError, OSError, ValueError):  # Windows; a socket that is gone
        import fcntl
        import termios

        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
    return transport.get_write_buffer_size() + waiting[0]


def protocol_within(max_connections: int, *, overshoot: int = BACKLOG) -> type[Protocol]:
    """Return the protocol of one server that keeps so many connections open.

    One more, and that which waits for a request's head for longest is closed. Where that many have requests under way,
    further ones are marked as `CROWDED`, and it is for the application to refuse them.
    """

    class Bounded(Protocol):
        waiting: ClassVar[dict[Protocol, float]] = {}

    Bounded.max_connections = max_connections
    Bounded.overshoot = overshoot
    return Bounded
