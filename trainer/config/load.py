"""From a TOML file to a configuration."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trainer.config.runs import AnyRun
from trainer.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load_config(path: Path, overrides: Sequence[str] = ()) -> AnyRun:
    """Read a TOML file; each override is `dotted.key=TOML value`.

    Raises:
        ConfigError: no such file, not TOML, or not a configuration; the message names every wrong key.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        for override in overrides:
            _override(table, override)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse_config(table, str(path))


def parse_config(table: dict[str, Any], origin: str = "configuration") -> AnyRun:
    """Validate a parsed table.

    Raises:
        ConfigError: with one line for each problem.
    """
    try:
        # Through JSON, so that TOML's arrays become tuples without loosening the checks of other types.
        return TypeAdapter(AnyRun).validate_json(json.dumps(table, default=str), strict=False)
    except ValidationError as error:
        problems = "\n".join(f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{origin}:\n{problems}") from error


def _override(table: dict[str, Any], text: str) -> None:
    key, _, value = text.partition("=")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a bare word stands for a string
    *parents, last = key.strip().split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
    table[last] = parsed
