"""From a TOML file, or a JSON file that a run or `trainer pack` wrote, to a configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomllib
from pydantic import TypeAdapter, ValidationError

from trainer.config.language import LanguageConfig
from trainer.config.publish import PublishConfig, QuantizeConfig
from trainer.config.runs import AnyRun
from trainer.errors import ConfigError

T = TypeVar("T")
_RUN: TypeAdapter[AnyRun] = TypeAdapter(AnyRun)


def load_config(path: Path, overrides: Sequence[str] = ()) -> AnyRun:
    """Read the configuration of a run; each override is `dotted.key=TOML value`.

    Raises:
        ConfigError: no such file, not TOML, or not a configuration; the message names every wrong key.
    """
    return parse_config(_read(path, overrides), str(path))


def load_language_config(path: Path, overrides: Sequence[str] = ()) -> LanguageConfig:
    """Read what `trainer language` needs; errors are those of `load_config`."""
    return _validate(TypeAdapter(LanguageConfig), _read(path, overrides), str(path))


def load_publish_config(path: Path, overrides: Sequence[str] = ()) -> PublishConfig:
    """Read what `trainer publish` needs; errors are those of `load_config`."""
    return _validate(TypeAdapter(PublishConfig), _read(path, overrides), str(path))


def load_quantize_config(path: Path, overrides: Sequence[str] = ()) -> QuantizeConfig:
    """Read what `trainer quantize` needs; errors are those of `load_config`."""
    return _validate(TypeAdapter(QuantizeConfig), _read(path, overrides), str(path))


def parse_config(table: Mapping[str, Any], origin: str = "configuration") -> AnyRun:
    """Validate the table of a run.

    Raises:
        ConfigError: with one line for each problem.
    """
    return _validate(_RUN, table, origin)


def _validate(kind: TypeAdapter[T], table: Mapping[str, Any], origin: str) -> T:
    try:
        # Through JSON, so that TOML's arrays become tuples and nothing else is converted.
        return kind.validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        # The place of a problem starts with the kind of run that was taken for meant. A state may hold anything.
        task = table.get("task") if isinstance(table, Mapping) else None
        places = [(e["loc"][1:] if e["loc"][:1] == (task,) else e["loc"], e["msg"]) for e in error.errors()]
        problems = "\n".join(f"  {'.'.join(map(str, place))}: {message}" for place, message in places)
        raise ConfigError(f"{origin}:\n{problems}") from error


def _read(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    parse = json.loads if path.suffix == ".json" else tomllib.loads
    try:
        table: dict[str, Any] = parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for override in overrides:
        _override(table, override)
    return table


def _override(table: dict[str, Any], text: str) -> None:
    key, _, value = text.partition("=")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a bare word stands for a string
    *parents, last = key.strip().split(".")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {text}: {parent} is not a table")
    table[last] = parsed
