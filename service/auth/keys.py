"""API keys: only their hashes are known here."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from service.errors import ServiceError

Scope = Literal["read", "admin"]

FORMAT = "NAME SCOPES SHA256, where SCOPES is read, admin or read,admin"
NAME = r"[A-Za-z0-9._-]{1,64}"
_LINE = re.compile(rf"(?P<name>{NAME})\s+(?P<scopes>[a-z,]+)\s+(?P<sha256>[0-9a-f]{{64}})")


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
    """Return a random key, to be handed to whoever will use it, and what the service keeps of it.

    Raises:
        KeysError: the service would not read a line with this name.
    """
    if not re.fullmatch(NAME, name):
        raise KeysError("the name of a key is up to 64 letters, digits, dots, hyphens and underscores")
    secret = f"ocr_{secrets.token_urlsafe(32)}"
    return secret, ApiKey(name=name, scopes=frozenset(scopes), sha256=_sha256(secret))


def parse_keys(texts: Mapping[str, str]) -> tuple[ApiKey, ...]:
    """Return the keys in `texts`, which are named by where they come from: one key a line, or between semicolons.

    What follows a `#` in a line is a comment.

    Raises:
        KeysError: a line is none, or a name occurs twice. It is told by its number, for a secret may be in it.
    """
    keys = []
    for where, text in texts.items():
        for number, line in enumerate(re.split(r"[;\n]", text), start=1):
            content = line.partition("#")[0].strip()
            if content:
                keys.append(_parse(content, f"{where}, line {number}"))
    names = [key.name for key in keys]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise KeysError(f"more than one key is called {', '.join(twice)}")
    return tuple(keys)


class KeysError(ServiceError, ValueError):
    """API keys that are not written as they should be."""

    code = "invalid_api_keys"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys that are known."""

    keys: tuple[ApiKey, ...]
    required: bool = False
    """Ask for a key even if none is known, so that a file that lost its last one does not open the service."""

    def __bool__(self) -> bool:
        return self.required or bool(self.keys)

    @property
    def names(self) -> list[str]:
        """Whose keys they are."""
        return [key.name for key in self.keys]

    def find(self, secret: str) -> ApiKey | None:
        """Return the key that `secret` is, in a time that does not tell how near it comes to any."""
        digest = _sha256(secret)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found


def _parse(content: str, where: str) -> ApiKey:
    match = _LINE.fullmatch(content)
    scopes = set(match["scopes"].split(",")) if match else set()
    if match is None or not scopes <= set(get_args(Scope)):
        raise KeysError(f"{where} is not of the form {FORMAT}")
    return ApiKey(name=match["name"], scopes=frozenset(cast("set[Scope]", scopes)), sha256=match["sha256"])


def _sha256(secret: str) -> str:
    # A plain hash is enough for 256 random bits; a slow one is for passwords that people choose.
    return hashlib.sha256(secret.encode()).hexdigest()
