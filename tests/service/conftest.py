from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from service_clients import Serve, client_of
from service_fakes import FakeReader
from service_sockets import listening

from service.app import create_app
from service.engine.serving import State
from service.engine.ticket import Ticket
from service.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OCR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)  # whoever runs the tests may have jobs of their own


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no more of a body than a request needs, so that tests see what that is."""
    monkeypatch.setattr("service.http.bodies.LINGER_SECONDS", 0.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a fake reader on a port and give the address."""
    with listening(jobs_folder=tmp_path_factory.mktemp("jobs")) as address:
        yield address


@pytest.fixture
def serve() -> Serve:
    """Run an application around a reader and give a client of it; keyword arguments are settings.

    With one stream and two threads two images are worked on at a time.
    """

    @asynccontextmanager
    async def run(reader: FakeReader | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = {"model": "fake", "threads": 2, **settings}
        app = create_app(Settings(**settings), engine_factory=lambda _: reader or FakeReader())
        async with app.router.lifespan_context(app):
            assert await app.state.context.serving.settled() is State.READY
            async with client_of(app) as client:
                yield client

    return run


@pytest.fixture
def leap(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass at once, for deadlines and for whoever waits in the event loop that it is called in."""
    ahead = 0.0

    def clock() -> float:
        return time.monotonic() + ahead

    def jump(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds
        monkeypatch.setattr(asyncio.get_running_loop(), "time", clock)

    monkeypatch.setitem(Ticket.__init__.__kwdefaults__, "clock", clock)
    return jump
