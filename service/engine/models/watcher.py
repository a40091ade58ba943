"""Takes up what is published: asks the store which version of each name is current."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ocr_core.errors import OcrError
from service.engine.models.registry import Models

log = logging.getLogger(__name__)


class Watcher:
    """Polls a store for `models`.

    Args:
        models: what to keep up to date.
        current: returns the current version of a name; runs in a thread and may raise OcrError.
    """

    def __init__(self, models: Models, current: Callable[[str], str]) -> None:
        self._models = models
        self._current = current
        self._unreachable = False

    async def run(self, seconds: float) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.poll()

    async def poll(self) -> None:
        """Ask once, and take up what is new."""
        for name in self._models.followed:
            try:
                version = await asyncio.to_thread(self._current, name)
            except OcrError as error:
                if not self._unreachable:
                    log.warning("the model store does not say what is current: %s", error)
                self._unreachable = True
                continue
            self._unreachable = False
            if not self._models.is_refused(name, version):
                await self._take_up(name, version)

    async def _take_up(self, name: str, version: str) -> None:
        try:
            await self._models.take_up(name, version)
        except Exception:  # logged and counted there; whatever it was, the present version goes on
            return
