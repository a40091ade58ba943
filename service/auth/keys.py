"""API keys: only their hashes are known here."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

from service.errors import ServiceError

Scope = Literal["read", "admin"]

FORMAT = "NAME SCOPES SHA256, where SCOPES is read, admin or read,admin"
_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64})\s+(?P<scopes>[a-z,]+)\s+(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """Who holds a key and what it allows."""

    name: str
    scopes: frozenset[Scope]
    sha256: str

    def line(self) -> str:
        """Return the key as settings hold it."""
        return f"{self.name} {','.join(sorted(self.scopes))} {self.sha256}"


def new_key(name: str, scopes: Iterable[Scope]) -> tuple[str, ApiKey]:
    """Return a random key, to be handed to whoever will use it, and what the service keeps of it."""
    secret = f"ocr_{secrets.token_urlsafe(32)}"
    return secret, ApiKey(name=name, scopes=frozenset(scopes), sha256=_sha256(secret))


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """Return the keys in `text`: one a line or between semicolons, `#` begins a comment.

    Raises:
        KeysError: a line is none, or a name occurs twice. It is told by its number, for a secret may be in it.
    """
    keys = []
    for number, line in enumerate(re.split(r"[;\n]", text), start=1):
        content = line.partition("#")[0].strip()
        if content:
            keys.append(_parse(content, number))
    names = [key.name for key in keys]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise KeysError(f"more than one key is called {', '.join(twice)}")
    return tuple(keys)


class KeysError(ServiceError, ValueError):
    """API keys that are not written as they should be."""

    code = "invalid_api_keys"


class Keyring:
    """The keys that are known."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = tuple(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, secret: str) -> ApiKey | None:
        """Return the key that `secret` is, in a time that does not tell how near it comes to any."""
        digest = _sha256(secret)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found


def _parse(content: str, number: int) -> ApiKey:
    match = _LINE.fullmatch(content)
    scopes = set(match["scopes"].split(",")) if match else set()
    if match is None or not scopes <= set(get_args(Scope)):
        raise KeysError(f"API key {number} is not of the form {FORMAT}")
    return ApiKey(name=match["name"], scopes=frozenset(cast("set[Scope]", scopes)), sha256=match["sha256"])


def _sha256(secret: str) -> str:
    # A plain hash is enough for 256 random bits; a slow one is for passwords that people choose.
    return hashlib.sha256(secret.encode()).hexdigest()
