"""Every option of a configuration with its default and its description, as Markdown, from the types themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from trainer.config import ClassifierRun, DetectorRun, LanguageConfig, PublishConfig, QuantizeConfig, RecognizerRun

Schema = dict[str, Any]
KINDS: dict[str, type] = {
    "classifier": ClassifierRun,
    "detector": DetectorRun,
    "recognizer": RecognizerRun,
    "language": LanguageConfig,
    "publish": PublishConfig,
    "quantize": QuantizeConfig,
}


def describe(kind: type) -> str:
    """Return a table for each section of a configuration, its own options first."""
    schema = TypeAdapter(kind).json_schema()
    sections = schema.get("$defs", {})
    tables = ["\n".join(_table("top level", schema))]
    tables += ["\n".join(_table(name, section)) for name, section in _sections(schema, sections)]
    return "\n\n".join(tables)


def _sections(schema: Schema, sections: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """Yield the sections in the order in which they are met, each once, with the key that leads there."""
    waiting, seen = [("", schema)], set()
    while waiting:
        path, section = waiting.pop(0)
        for key, field in section.get("properties", {}).items():
            for name in _references(field):
                if name not in seen:
                    seen.add(name)
                    place = f"{path}.{key}".lstrip(".")
                    yield f"`[{place}]` {sections[name].get('description', name).splitlines()[0]}", sections[name]
                    waiting.append((place, sections[name]))


def _references(field: Schema) -> list[str]:
    parts = [field, *field.get("anyOf", ()), *field.get("oneOf", ()), *field.get("allOf", ())]
    if "items" in field:
        return _references(field["items"])
    return [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]


def _table(title: str, section: Schema) -> Iterator[str]:
    yield f"### {title}\n"
    yield "| option | default | meaning |"
    yield "|---|---|---|"
    for key, field in section.get("properties", {}).items():
        if not _references(field) or ("default" in field and not isinstance(field["default"], dict)):
            text = " ".join(field.get("description", "").split())
            yield f"| `{key}` | {_default(key, field, section)} | {text} |"


def _default(key: str, field: Schema, section: Schema) -> str:
    if "const" in field:
        return f'always `"{field["const"]}"`'
    if key in section.get("required", ()):
        return "required"
    value = field.get("default")
    shown = "" if value is None else json.dumps(value, ensure_ascii=False)
    return f"`{shown}`" if 0 < len(shown) < 40 else f"`{shown[:36]}…`" if shown else ""
