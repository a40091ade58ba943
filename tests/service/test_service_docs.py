"""Pages made from the program, settings and metrics; `python tests/service/test_service_docs.py` makes them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_origin

import pytest
from prometheus_client.metrics import MetricWrapperBase
from pydantic.fields import FieldInfo

from service.observe.metrics import Metrics, Result
from service.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
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
    return f"`{field.default}`" if field.default is not None and str(field.default) else "–"


def choices_of(field: FieldInfo) -> str:
    options = get_args(field.annotation) if str(get_origin(field.annotation)) == "typing.Literal" else ()
    return f" One of {', '.join(f'`{option}`' for option in options)}." if options else ""


def render() -> str:
    rows = [
        f"| `OCR_{name.upper()}` | {default_of(field)} | {field.description}{choices_of(field)} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "".join(rows)


METRICS_HEAD = f"""# Metrics

What `GET /metrics` gives, beside `process_*`. The names are a contract with the dashboard and the alerts. No label
takes a value that a stranger can choose: `endpoint` is a route's template, `key` the name of a configured key, `result`
one of {", ".join(f"`{value}`" for value in get_args(Result))}.
This page is made from the metrics class.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def render_metrics() -> str:
    collectors = [value for value in vars(Metrics()).values() if isinstance(value, MetricWrapperBase)]
    rows = [
        f"| `{one._name}{'_total' * (one._type == 'counter')}` | {one._type} "
        f"| {', '.join(f'`{label}`' for label in one._labelnames) or '–'} | {one._documentation} |\n"
        for one in collectors
    ]
    return METRICS_HEAD + "".join(rows)


PAGES = {"settings.md": render, "metrics.md": render_metrics}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_program_has(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), f"run python {__file__}"


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
