"""Takes up what is published: asks the store which version of each name is current."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from service.engine.models.registry import Models
from service.engine.threads import wait_in_thread

log = logging.getLogger(__name__)


class Watcher:
    """Polls a store for `models`.

    Args:
        models: what to keep up to date.
        current: returns the current version of a name; runs in a thread and may raise whatever a store raises.
    """

    def __init__(self, models: Models, current: Callable[[str], str]) -> None:
        self._models = models
        self._current = current
        self._unknown: set[str] = set()
        """Names of which the store did not say what is current when it was asked last."""

    async def run(self, seconds: float) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.poll()

    async def poll(self) -> None:
        """Ask once, and take up what is new."""
        for name in self._models.followed:
            version = await self._ask(name)
            if version is not None and not self._models.is_refused(name, version):
                await self._take_up(name, version)

    async def _ask(self, name: str) -> str | None:
        try:
            version = await wait_in_thread(partial(self._current, name), "watch")
        except Exception as error:  # a store may raise anything, and may be back the next time
            if name not in self._unknown:
                log.warning("the model store does not say which %s is current: %s", name, error)
            self._unknown.add(name)
            return None
        if name in self._unknown:
            log.info("the model store says again which %s is current", name)
        self._unknown.discard(name)
        return version

    async def _take_up(self, name: str, version: str) -> None:
        try:
            await self._models.take_up(name, version)
        except Exception:  # logged and counted there; whatever it was, the present version goes on
            return
