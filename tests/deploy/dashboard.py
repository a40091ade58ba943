"""The queries of the dashboard, as Grafana would send them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

DASHBOARD = Path(__file__).parents[2] / "k8s/components/monitoring/ocr-dashboard.json"


class Query(NamedTuple):
    panel: str
    expression: str


def queries(rate_interval: str = "1m") -> list[Query]:
    """Return every query of every panel and annotation, Grafana's variables filled in."""
    board = json.loads(DASHBOARD.read_text("utf-8"))
    found = [Query(panel["title"], target["expr"]) for panel in board["panels"] for target in panel["targets"]]
    found += [Query(note["name"], note["expr"]) for note in board["annotations"]["list"]]
    filled = {"$__rate_interval": rate_interval, "$instance": ".*"}
    for name, value in filled.items():
        found = [Query(panel, expression.replace(name, value)) for panel, expression in found]
    assert not any("$" in query.expression for query in found)
    return found
