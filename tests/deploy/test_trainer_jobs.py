"""Jobs of the trainer: what they run is what the trainer understands, and failures mean what it means by them."""

from __future__ import annotations

import re

import pytest
from manifests import K8S, KUBECTL, ROOT, render

from trainer.commands.cli import _parser
from trainer.errors import EX_CONFIG, EX_TEMPFAIL

if KUBECTL is None:
    pytest.skip("kubectl is not installed", allow_module_level=True)


def job_spec(name: str) -> dict:
    for manifest in render(K8S / "trainer" / name):
        if manifest["kind"] == "Job":
            return manifest["spec"]
        if manifest["kind"] == "CronJob":
            return manifest["spec"]["jobTemplate"]["spec"]
        if manifest["kind"] == "TrainingRuntime":
            return manifest["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    raise LookupError(name)


def commands(name: str) -> list[list[str]]:
    pod = job_spec(name)["template"]["spec"]
    return [c["args"] for c in [*pod.get("initContainers", []), *pod["containers"]] if "args" in c]


JOBS = ("job", "job-gpu", "smoke", "indexed", "indexed-gpu", "nightly")


@pytest.mark.parametrize("name", JOBS)
def test_the_trainer_understands_what_its_containers_run(name):
    for command in commands(name):
        arguments = _parser().parse_args(command)
        assert (ROOT / "trainer" / arguments.config).is_file()


@pytest.mark.parametrize("name", ["job", "smoke", "nightly"])
def test_what_is_published_is_what_was_trained(name):
    *training, publishing = (_parser().parse_args(command) for command in commands(name))
    folders = {str(step.run) for step in training}
    text = (ROOT / "trainer" / publishing.config).read_text()
    states = re.findall(r'^(?:detector|recognizer) = "(.+)/\w+\.safetensors"', text, re.MULTILINE)
    assert {f"{publishing.runs}/{state}" for state in states} == folders
    assert "$(RUN)" in str(publishing.runs)


@pytest.mark.parametrize("name", [*JOBS, "kubeflow"])
def test_exit_codes_decide_what_a_failure_means(name):
    spec = job_spec(name)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # or there is no policy
    rules = spec["podFailurePolicy"]["rules"]
    first = {code: rule["action"] for rule in reversed(rules) for code in rule.get("onExitCodes", {}).get("values", [])}
    assert first[EX_CONFIG] == "FailJob"
    assert first[EX_TEMPFAIL] == "Ignore"
    assert {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]} in rules
    assert not first.keys() & {1, 137}  # crashes count


def test_pods_of_the_indexed_job_find_the_first_of_them():
    manifests = {m["kind"]: m for m in render(K8S / "trainer/indexed")}
    job, service = manifests["Job"], manifests["Service"]
    name, pod = job["metadata"]["name"], job["spec"]["template"]["spec"]
    env = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
    assert env["PET_MASTER_ADDR"] == f"{name}-0.{pod['subdomain']}"
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"]
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert {str(job["spec"]["completions"]), str(job["spec"]["parallelism"])} == {env["PET_NNODES"]}
    assert int(env["PET_SHUTDOWN_TIMEOUT"]) < pod["terminationGracePeriodSeconds"]
