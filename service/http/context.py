"""What the routes share, made once for each application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from service.auth.access import Access
from service.engine.serving import Serving
from service.jobs.jobs import Jobs
from service.observe.metrics import Metrics
from service.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The parts of one application."""

    settings: Settings
    metrics: Metrics
    serving: Serving
    access: Access
    jobs: Jobs | None
    """None where none are taken."""


async def _context_of(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


ContextDep = Annotated[Context, Depends(_context_of)]
