"""Where keys come from: the settings, and a file that is read again while the service runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from service.auth.access import Access
from service.auth.keys import Keyring, parse_keys
from service.settings import Settings

log = logging.getLogger(__name__)

MAX_CHARACTERS = 2**20
"""Of the file of keys. A key takes a hundred."""


def load_keys(settings: Settings) -> Keyring:
    """Return the API keys of the settings and of the file that they name. Where a file is named, keys are asked for.

    Raises:
        KeysError: one is not written as it should be.
        OSError, UnicodeDecodeError: the file cannot be read, or is none.
    """
    texts = {"OCR_API_KEYS": settings.api_keys.get_secret_value()}
    if settings.api_keys_file:
        texts[str(settings.api_keys_file)] = _read(settings.api_keys_file)
    return Keyring(parse_keys(texts), required=settings.api_keys_file is not None)


def _read(path: Path) -> str:
    if path.exists() and not path.is_file():  # a pipe would be waited for, and a device has no end
        raise OSError(f"{path} is no file")
    with path.open(encoding="utf-8") as file:
        text = file.read(MAX_CHARACTERS + 1)
    if len(text) > MAX_CHARACTERS:
        raise OSError(f"{path} is larger than {MAX_CHARACTERS} characters")
    return text


class KeyWatcher:
    """Reads the file of keys again and again: a changed one is taken up, of one that is no good nothing is.

    The whole file is read each time. It is small, and neither a clock of coarse grain nor a symbolic link that is
    swapped, as Kubernetes does with mounted secrets, can hide a change.
    """

    def __init__(self, settings: Settings, access: Access) -> None:
        self._settings = settings
        self._access = access
        self._complaint = ""

    async def run(self, seconds: float) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.poll()

    async def poll(self) -> None:
        """Read the keys once and take them up where they changed; the last good ones stay where they cannot be read."""
        try:
            keys = await asyncio.to_thread(load_keys, self._settings)
        except Exception as error:  # whatever it is, the next poll may find the file in order
            if str(error) != self._complaint:
                log.error("the API keys stay as they are: %s", error)
            self._complaint = str(error)
            return
        self._complaint = ""
        if keys != self._access.keys:
            self._access.keys = keys
            log.info("API keys taken up", extra={"keys": keys.names})


@asynccontextmanager
async def followed_keys(settings: Settings, access: Access) -> AsyncIterator[None]:
    """Keep the keys of `access` as the file has them while this lasts."""
    if not (settings.api_keys_file and settings.api_keys_poll_seconds):
        yield
        return
    watching = asyncio.create_task(KeyWatcher(settings, access).run(settings.api_keys_poll_seconds))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
