"""Dashboard and alerts ask for what `/metrics` exposes, and the alerts fire when they should."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml
from dashboard import DASHBOARD, queries
from manifests import K8S, ROOT
from prometheus_client.parser import text_string_to_metric_families

from service.observe.metrics import READ_ENDPOINTS, Metrics

PROMETHEUS = ROOT / "docker/prometheus"
RUNBOOK = ROOT / "docs/runbook.md"
OF_PROMETHEUS = {"up"}
OF_SCRAPES = {"job", "instance", "namespace", "le"}
NAME = re.compile(r"\b(?:ocr|process)_[a-z_]+\b|\bup\b")
SELECTOR = re.compile(r"\b([a-z_]+)\s*(?:=~|!=|!~|=)\s*\"")
GROUPING = re.compile(r"\bby \(([^)]*)\)")

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Names of the samples that a scrape gives, with their labels."""
    metrics = Metrics()
    for collector in vars(metrics).values():
        if labels := getattr(collector, "_labelnames", ()):
            collector.labels(*["x"] * len(labels))
    body, _ = metrics.expose("")
    families = text_string_to_metric_families(body.decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def alerts() -> list[dict]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def scaling() -> list[str]:
    scaled = yaml.safe_load((K8S / "components/autoscaling/scaled-object.yaml").read_text("utf-8"))
    return [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]


EXPRESSIONS = [*(q.expression for q in queries()), *(rule["expr"] for rule in alerts()), *scaling()]


def unknown(expression: str, exposed: dict[str, set[str]]) -> set[str]:
    """Return the metrics and labels of an expression that no scrape has."""
    names = set(NAME.findall(expression)) - OF_PROMETHEUS
    # What `label_replace` writes is no label of a metric.
    plain = re.sub(r'label_replace\((.*?), "\w+", "\w+", "", ""\)', r"\1", expression)
    labels = set(SELECTOR.findall(plain))
    labels |= {label.strip() for group in GROUPING.findall(plain) for label in group.split(",")}
    known = OF_SCRAPES.union(*(exposed[name] for name in names & exposed.keys()))
    return (names - exposed.keys()) | (labels - known)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_asks_for_what_is_exposed(expression, exposed):
    assert NAME.search(expression)
    assert not unknown(expression, exposed)


def test_a_metric_or_label_that_is_not_exposed_would_be_found(exposed):
    assert unknown("rate(ocr_requests[1m])", exposed) == {"ocr_requests"}
    assert unknown('sum by (status) (ocr_requests_total{route="/"})', exposed) == {"status", "route"}


def expression_of(name: str) -> str:
    (expression,) = (rule["expr"] for rule in alerts() if rule.get("alert") == name)
    return expression


def test_rejected_reads_are_set_against_all_reads():
    (endpoints,) = re.findall(r'endpoint=~"([^"]*)"', expression_of("OcrOverloaded"))
    assert set(endpoints.split("|")) == READ_ENDPOINTS


def test_what_is_stuck_is_told_by_what_is_read_and_not_by_what_is_answered():
    """Answers come of stuck engines too, at deadlines, and none while a document is read for ten minutes."""
    expression = expression_of("OcrStuck")
    assert set(NAME.findall(expression)) == {"ocr_requests_in_progress", "ocr_images_total"}
    assert re.findall(r'result=~"([^"]*)"', expression) == ["read|refused"]


def test_every_metric_of_the_service_is_shown(exposed):
    shown = set(NAME.findall(DASHBOARD.read_text("utf-8")))
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exposed if name.startswith("ocr_")}
    assert {name for name in families if not any(one.startswith(name) for one in shown)} == set()


def test_kubernetes_has_the_same_alerts_as_compose():
    rules = yaml.safe_load((K8S / "components/monitoring/rules.yaml").read_text("utf-8"))
    assert rules["spec"] == yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_test_and_says_what_to_do(rule):
    assert f"alertname: {rule['alert']}" in (PROMETHEUS / "alerts_test.yml").read_text("utf-8")
    assert f"## {rule['alert']}\n" in RUNBOOK.read_text("utf-8")
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


@needs_promtool
@pytest.mark.parametrize(
    "command",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")],
)
def test_promtool_agrees(command):
    done = subprocess.run(["promtool", *command], cwd=PROMETHEUS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_every_expression_is_promql(tmp_path):
    rules = [{"record": f"n{number}", "expr": expression} for number, expression in enumerate(EXPRESSIONS)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
