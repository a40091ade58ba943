"""The Indexed Job of `ocr batch`: it runs what the command understands, and failures mean what it means by them."""

from __future__ import annotations

import pytest
from manifests import K8S, KUBECTL, render
from typer.testing import CliRunner

from service.cli import app
from service.cli.batch import STOPPED, USAGE

if KUBECTL is None:
    pytest.skip("kubectl is not installed", allow_module_level=True)


def named(kind: str) -> dict:
    (found,) = [manifest for manifest in render(K8S / "bulk") if manifest["kind"] == kind]
    return found


def container() -> dict:
    return named("Job")["spec"]["template"]["spec"]["containers"][0]


def test_the_command_understands_what_the_container_runs(tmp_path, monkeypatch):
    settings = named("ConfigMap")["data"]
    command = [*container()["command"], *container()["args"]]
    assert command[:2] == ["ocr", "batch"]
    assert settings["SOURCE"].startswith("s3://")
    places = {"$(SOURCE)": str(tmp_path / "missing"), "$(TARGET)": str(tmp_path / "out")}
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    monkeypatch.setenv("JOB_COMPLETIONS", env()["JOB_COMPLETIONS"])
    result = CliRunner().invoke(app, [places.get(part, part) for part in command[1:]])
    assert result.exit_code == USAGE
    assert "there is no such folder or file" in " ".join(result.stderr.split())


def env() -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container()["env"]}


def test_there_are_as_many_pods_as_shards():
    spec = named("Job")["spec"]
    assert spec["completionMode"] == "Indexed"
    assert env()["JOB_COMPLETIONS"] == str(spec["completions"])
    assert "maxFailedIndexes" not in spec  # a shard that has failed files stops no other, however many there are


def test_exit_codes_decide_what_a_failure_means():
    spec = named("Job")["spec"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # or there is no policy
    rules = spec["podFailurePolicy"]["rules"]
    first = {code: rule["action"] for rule in reversed(rules) for code in rule.get("onExitCodes", {}).get("values", [])}
    assert first == {1: "FailIndex", USAGE: "FailIndex", 143: "Ignore"}
    assert STOPPED not in first  # tried again, as are crashes
    assert spec["backoffLimitPerIndex"] > 0
    assert {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]} in rules


def test_its_settings_and_its_policy_are_its_own():
    job, labels = named("Job")["spec"], named("Job")["spec"]["template"]["metadata"]["labels"]
    assert named("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert job["template"]["spec"]["serviceAccountName"] == named("ServiceAccount")["metadata"]["name"]
    sources = [next(iter(source.values()))["name"] for source in container()["envFrom"]]
    assert sources == [named("ConfigMap")["metadata"]["name"], "ocr-bulk"]
