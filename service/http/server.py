"""The HTTP server: uvicorn, which tells where it listens, and drains before it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from socket import socket
from types import FrameType

import uvicorn

ANSWER_SECONDS = 3
"""How long answers may take to be sent when all are ready and the server stops."""


class DrainingServer(uvicorn.Server):
    """When told to stop, goes on answering until `drain` is over: probes turn red, new requests are refused.

    Told a second time, it stops at once. `on_listening` gets its URL, as soon as it takes connections.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Callable[[], Awaitable[None]],
        on_listening: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._on_listening = on_listening
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = False

    async def serve(self, sockets: list[socket] | None = None) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        try:
            await super().serve(sockets)
        finally:
            self._loop = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            self._on_listening(f"http://{host}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; called by the interpreter in the main thread."""
        if self._loop is None or not self.started or self._told:
            super().handle_exit(sig, frame)
        else:
            self._told = True
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._stopping = asyncio.create_task(self._stop())

    async def _stop(self) -> None:
        try:
            await self._drain()
        finally:
            self.should_exit = True
