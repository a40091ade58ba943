"""A Chromium that is driven by Playwright, and services for it to look at."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from service_fakes import FakeReader, until

from service.app import create_app
from service.engine.loading import load_engine
from service.engine.serving import State
from service.settings import Settings

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
AXE = Path(os.environ.get("AXE") or "node_modules/axe-core/axe.min.js")
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@contextmanager
def served(reader: FakeReader | None = None, *, real: bool = False, **settings: Any) -> Iterator[str]:
    """Run a service around a reader, or the shipped model, and give its address."""
    chosen = Settings(**{"model": "ppocrv2-en" if real else "fake", "threads": 2, **settings})
    app = create_app(chosen, engine_factory=load_engine if real else lambda _: reader or FakeReader())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            # Three times as patient as with a fake: a model is loaded and warmed.
            for _ in range(3 if real else 1):
                with suppress(AssertionError):
                    until(lambda: app.state.context.serving.state is State.READY)
            assert app.state.context.serving.state is State.READY
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


def upload(name: str, data: bytes, media_type: str = "image/png") -> dict[str, Any]:
    """Return a file as Playwright chooses it."""
    return {"name": name, "mimeType": media_type, "buffer": data}
