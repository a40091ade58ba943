"""Who may do what: API keys and rate limits."""

from __future__ import annotations

import math

from service.auth.keys import Keyring, Scope
from service.auth.rates import RateLimit
from service.errors import ForbiddenError, RateLimitedError, UnauthorizedError


class Access:
    """Checks keys and counts their requests. Without keys reading is open to all, and nobody is an admin."""

    def __init__(self, keys: Keyring, rates: RateLimit) -> None:
        self._keys = keys
        self._rates = rates

    def admit(self, secret: str | None, scope: Scope) -> str | None:
        """Return the name of the key that a request may go on with; None if it needs none.

        Raises:
            UnauthorizedError: it needs a key and has none that is known.
            ForbiddenError: its key has not this scope, or nobody has.
            RateLimitedError: its key was used too often.
        """
        if not len(self._keys):
            if scope == "admin":
                raise ForbiddenError("this service has no API keys, and without one nobody may do this")
            return None
        key = self._keys.find(secret) if secret else None
        if key is None:
            raise UnauthorizedError("send a known API key as X-API-Key or as a bearer token")
        if scope not in key.scopes:
            raise ForbiddenError(f"this key does not have the scope {scope}")
        if wait := self._rates.take(key.name):
            raise RateLimitedError("too many requests with this key", retry_after=max(1, math.ceil(wait)))
        return key.name
