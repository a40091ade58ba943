"""Jobs of the trainer: what they run is what the trainer understands, and failures mean what it means by them."""

from __future__ import annotations

import os
import re
import subprocess
import time

import pytest
from manifests import K8S, KUBECTL, ROOT, render

from trainer.commands.cli import _parser
from trainer.errors import EX_CONFIG, EX_GATE, EX_TEMPFAIL

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
    assert first[EX_CONFIG] == first[EX_GATE] == "FailJob"
    assert first[EX_TEMPFAIL] == "Ignore"
    assert {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]} in rules
    assert not first.keys() & {1, 137}  # crashes count


@pytest.mark.parametrize("name", [*JOBS, "kubeflow"])
def test_the_reason_of_a_failure_is_in_the_pod(name):
    pod = job_spec(name)["template"]["spec"]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError", container["name"]


@pytest.mark.parametrize("suffix", ["", "-2"])
@pytest.mark.parametrize("folder", ["indexed", "indexed-gpu"])
def test_pods_of_the_indexed_job_find_the_first_of_them(folder, suffix, tmp_path):
    (tmp_path / "kustomization.yaml").write_text(
        f"nameSuffix: '{suffix}'\nresources: [{os.path.relpath(K8S / 'trainer' / folder, tmp_path.resolve())}]\n"
    )
    (job,) = render(tmp_path)  # nothing beside it that could be there already
    name, pod = job["metadata"]["name"], job["spec"]["template"]["spec"]
    assert name == f"ocr-train-indexed{suffix}"
    env = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
    master = env["PET_MASTER_ADDR"].replace("$(RUN)", name)  # which the label with the Job's name fills
    assert list(env).index("RUN") < list(env).index("PET_MASTER_ADDR")
    assert master == f"{name}-0.{pod['subdomain']}"
    service = next(m for m in render(K8S / "trainer/storage") if m["kind"] == "Service")
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"]
    assert service["spec"]["selector"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert "ocr-train-indexed" not in str(job["spec"])
    assert {str(job["spec"]["completions"]), str(job["spec"]["parallelism"])} == {env["PET_NNODES"]}
    assert int(env["PET_SHUTDOWN_TIMEOUT"]) < pod["terminationGracePeriodSeconds"]


def test_a_runtime_of_kubeflow_comes_before_the_job_that_names_it():
    assert [manifest["kind"] for manifest in render(K8S / "trainer/kubeflow")] == ["TrainingRuntime", "TrainJob"]


def test_a_night_begins_by_clearing_away_what_is_old(tmp_path):
    """Runs of this CronJob that are two weeks old, and nothing else."""
    tidy = job_spec("nightly")["template"]["spec"]["initContainers"][0]
    names = {"ocr-retrain-1": 15, "ocr-retrain-2": 13, "ocr-train": 400}
    for name, days in names.items():
        (tmp_path / name / "det-fast").mkdir(parents=True)
        then = time.time() - days * 86400
        os.utime(tmp_path / name, (then, then))
    command = [part.replace("/work/runs", str(tmp_path)) for part in tidy["command"]]
    subprocess.run(command, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ocr-retrain-2", "ocr-train"]
