"""What is wrong with a field, in words that are the same for queries, forms, JSON, headers and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from service.settings import MODEL_PATTERN, VERSION_PATTERN

JOB_ID = r"^[0-9a-f]{32}$"
CURSOR = r"^[0-9]{1,12}\.[0-9]{1,9}-[0-9a-f]{32}$"
IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,255}$"

_PATTERNS: Mapping[str, str] = {
    MODEL_PATTERN: "a model's `name` or `name@version`: small letters, digits, dots, hyphens and underscores",
    VERSION_PATTERN: "a version: letters, digits, dots, hyphens and underscores, 64 at most",
    JOB_ID: "a job's id: 32 of the digits 0-9a-f",
    CURSOR: "what the list before had as `next`",
    IDEMPOTENCY_KEY: "at most 255 letters, digits and signs of ASCII, without spaces",
}
_ALLOWED: Mapping[str, str] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "string_type": "a string",
    "string_too_long": "of at most {max_length} characters",
    "literal_error": "{expected}",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
}
"""Of pydantic's kinds of errors: what there may be instead."""

_SECRETS = frozenset({"password"})
_SHOWN = 40
"""Characters of what was sent that are repeated at most, and only if it is no longer."""
_COMPARED = 100
"""Characters of the name of a field that are compared with those that there are."""


def in_words(error: ErrorDetails, known: Sequence[str] = ()) -> str:
    """Return what is wrong with a field: what it may be, and what was sent if that is short.

    Args:
        error: as pydantic tells it.
        known: the fields that there are, for one that there is not.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        near = get_close_matches(str(error["loc"][-1])[:_COMPARED], known, n=1)
        if near:
            return f"no such field; did you mean `{near[0]}`?"
        return f"no such field; there are {', '.join(known)}" if known else "no such field"
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch":
        return f"must be {_PATTERNS.get(context['pattern'], context['pattern'])}{_sent(error)}"
    if kind in _ALLOWED:
        return f"must be {_ALLOWED[kind].format(**context)}{_sent(error)}"
    return error["msg"].removeprefix("Value error, ")


def _sent(error: ErrorDetails) -> str:
    value = error.get("input", ...)
    if error["loc"] and error["loc"][-1] in _SECRETS:
        return ""
    if not (value is None or isinstance(value, (str, bool, int, float))):
        return ""
    shown = repr(value) if isinstance(value, str) else json.dumps(value)
    return f", not {shown}" if len(value if isinstance(value, str) else shown) <= _SHOWN else ""
