"""An application behind a real socket, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from service_fakes import FakeReader, until

from service.app import create_app
from service.engine.serving import State
from service.http.protocol import protocol_within
from service.settings import Settings


@contextmanager
def listening(reader: FakeReader | None = None, **settings: Any) -> Iterator[str]:
    """Serve an application around `reader` on a free port and give its address; keyword arguments are settings."""
    chosen = Settings(**{"model": "fake", "model_poll_seconds": 0, "threads": 2, **settings})
    app = create_app(chosen, engine_factory=lambda _: reader or FakeReader())
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=protocol_within(chosen.max_connections), ws="none", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started and app.state.context.serving.state is State.READY)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        if reader is not None:
            reader.release()
        server.should_exit = True
        thread.join()
