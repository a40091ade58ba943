"""The keys of requests, looked at before their bodies are."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from service.auth.keys import Scope
from service.http.context import ContextDep
from service.http.exchange import exchange_of

_HEADER = APIKeyHeader(name="X-API-Key", scheme_name="key", auto_error=False)
_BEARER = HTTPBearer(scheme_name="bearer", auto_error=False)

Header = Annotated[str | None, Security(_HEADER)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


class _Require:
    """A dependency that lets a request pass whose key has `scope`."""

    def __init__(self, scope: Scope) -> None:
        self._scope: Scope = scope

    async def __call__(self, request: Request, context: ContextDep, header: Header, bearer: Bearer) -> None:
        secret = header or (bearer.credentials if bearer else None)
        key = context.access.identify(secret)
        exchange_of(request).key = key.name if key else None  # known also where it is not enough
        context.access.admit(key, self._scope)


READER = Depends(_Require("read"))
ADMIN = Depends(_Require("admin"))
