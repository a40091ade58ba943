"""Who may do what: API keys and rate limits."""

from __future__ import annotations

import math

from service.auth.keys import ApiKey, Keyring, Scope
from service.auth.rates import RateLimit
from service.errors import ForbiddenError, RateLimitedError, UnauthorizedError


class Access:
    """Checks keys and counts their requests. Without keys reading is open to all, and nobody is an admin.

    `keys` may be replaced at any time.
    """

    def __init__(self, keys: Keyring, rates: RateLimit) -> None:
        self.keys = keys
        self._rates = rates

    def identify(self, secret: str | None) -> ApiKey | None:
        """Return the key of a request; None where there are no keys.

        Raises:
            UnauthorizedError: it has none that is known.
        """
        if not self.keys:
            return None
        key = self.keys.find(secret) if secret else None
        if key is None:
            raise UnauthorizedError("send a known API key as X-API-Key or as a bearer token")
        return key

    def admit(self, key: ApiKey | None, scope: Scope) -> None:
        """Let a request go on that came with `key`.

        Raises:
            ForbiddenError: its key has not this scope, or nobody has.
            RateLimitedError: its key was used too often.
        """
        if key is None:
            if scope == "admin":
                raise ForbiddenError("this service has no API keys, and without one nobody may do this")
            return
        if scope not in key.scopes:
            raise ForbiddenError(f"this key does not have the scope {scope}")
        if wait := self._rates.take(key.name):
            raise RateLimitedError("too many requests with this key", retry_after=max(1, math.ceil(wait)))
