"""Clients of an application in this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
"""Runs an application and gives a client of it: the fixture `serve`."""
Leap = Callable[[float], None]
"""Lets so many seconds pass at once: the fixture `leap`."""


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")
