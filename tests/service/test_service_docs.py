"""docs/settings.md names every setting; `python tests/service/test_service_docs.py` makes it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_origin

from pydantic.fields import FieldInfo

from service.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
HEAD = """# Settings

Environment variables; `OCR_CONFIG` may name a file of `OCR_NAME=value` lines, over which the environment wins. Unknown
names in the file and values out of range are refused when the service starts. \
This page is made from the settings class.

| variable | default | meaning |
|---|---|---|
"""


def default_of(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "per user"
    return f"`{field.default}`" if field.default not in (None, "") else "–"


def choices_of(field: FieldInfo) -> str:
    options = get_args(field.annotation) if str(get_origin(field.annotation)) == "typing.Literal" else ()
    return f" One of {', '.join(f'`{option}`' for option in options)}." if options else ""


def render() -> str:
    rows = [
        f"| `OCR_{name.upper()}` | {default_of(field)} | {field.description}{choices_of(field)} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "".join(rows)


def test_the_page_of_settings_is_what_the_settings_are():
    assert DOCUMENT.read_text(encoding="utf-8") == render(), f"run python {__file__}"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
