"""Which form an answer takes: what `format` says, else the best of what `Accept` names."""

from __future__ import annotations

import math
from collections.abc import Mapping

from starlette.requests import Request

from ocr_core.formats.registry import FORMATS
from service.errors import NotAcceptableError

JSON = "application/json"
LINES = "application/x-ndjson"
"""A page a line, each as soon as it is read."""

MEDIA_TYPES = {"json": JSON, "ndjson": LINES, **{name: each.media_type for name, each in FORMATS.items()}}
"""`Content-Type` of each form."""

_NAMES = {media_type.partition(";")[0]: name for name, media_type in MEDIA_TYPES.items()}
_TYPES = 64
"""Media types of an `Accept` that are looked at; browsers send ten."""


def accepted(request: Request) -> str | None:
    """Return what all of a request's `Accept` headers say, as though they were one (RFC 9110, section 5.3)."""
    # Once each, for two that take anything say no more than one: a job then has its own form.
    said = (each.strip() for each in request.headers.getlist("accept"))
    return ", ".join(dict.fromkeys(filter(None, said))) or None


def choose_form(chosen: str | None, accept: str | None) -> str:
    """Return the name of the form of an answer, a key of `MEDIA_TYPES`.

    Args:
        chosen: the request's `format`, which wins.
        accept: its `Accept`; of equal weights the first one wins, of a wildcard the first form that is not refused.

    Raises:
        NotAcceptableError: it accepts nothing that there is.
    """
    # Empty pieces say nothing, as behind a comma at the end.
    parts = [part for part in (accept or "").split(",") if part.strip()]
    if chosen or not parts:
        return chosen or "json"
    said: dict[str, float] = {}
    for part in parts[:_TYPES]:
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        said[media_type] = max(said.get(media_type, 0.0), _weight(parameters))
    best, weight = None, 0.0
    for media_range, found in said.items():
        names = (name for kind, name in _NAMES.items() if media_range in _ranges(kind) and not _is_refused(kind, said))
        if found > weight and (name := next(names, None)):
            best, weight = name, found
    if best is None:
        raise NotAcceptableError(f"an answer is one of {', '.join(_NAMES)}")
    return best


def _ranges(media_type: str) -> tuple[str, str, str]:
    """Return what names a media type, the most specific first."""
    return media_type, media_type.partition("/")[0] + "/*", "*/*"


def _is_refused(media_type: str, said: Mapping[str, float]) -> bool:
    """Tell whether the most specific of what is said of a media type is `q=0` (RFC 9110, section 12.5.1)."""
    return next((said[name] for name in _ranges(media_type) if name in said), 1.0) <= 0


def _weight(parameters: list[str]) -> float:
    """Return the `q` of a media type, from 0 to 1; of what is no number 0."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return min(max(weight, 0.0), 1.0) if math.isfinite(weight) else 0.0
    return 1.0
