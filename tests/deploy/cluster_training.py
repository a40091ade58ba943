"""What `make cluster-test` trains: digits from nothing to a served model, a lost pod, a closed gate, a night now."""

from __future__ import annotations

import json
import time

from cluster import SMALL, Manifest, ended, get, kubectl, overlay, replace, rolled_out
from cluster_serving import served, under_load
from engine import say, until

SMOKE = "ocr-train-smoke"
STEPS = 60
TINY = [f"schedule.steps={STEPS}", "schedule.warmup=5", "data.batch=4", "data.group=2", "compute.threads=1"]
TINY += ["compute.workers=0", "compute.save_every=5", "compute.log_every=5"]


def smoke() -> float:
    """Begin to train tiny networks, beside all that follows, and return when."""
    kubectl("create", "-k", overlay("trainer/smoke", patches=[]))
    return time.monotonic()


def smoke_served(started: float) -> None:
    """Wait for them, and serve them."""
    assert ended(SMOKE, 3600) == "Complete", kubectl(
        "-n", "ocr", "logs", f"job/{SMOKE}", "--all-containers", "--tail=20"
    )
    published = kubectl("-n", "ocr", "logs", f"job/{SMOKE}", "-c", "publish").splitlines()
    line = next(line for line in published if line.startswith("published"))
    say(f"smoke Job: Complete after {time.monotonic() - started:.0f} s, {line}")

    def change() -> None:
        kubectl("-n", "ocr", "set", "env", "deployment/ocr", "OCR_MODEL=smoke")
        rolled_out()

    under_load("another model", 60, change)
    model = served()
    assert model["name"] == "smoke", model
    say(f"OCR_MODEL=smoke: pages are read by {model['name']}@{model['version']}")


def _publishing(kind: str, where: str, *options: str) -> list[Manifest]:
    """Return patches by which a Job publishes anew what the smoke Job has trained."""
    operations = []
    containers = [(f"{where}/initContainers/0", "configs/smoke/det-teacher.toml", "det")]
    containers += [(f"{where}/initContainers/1", "configs/smoke/rec-plain.toml", "rec")]
    for path, config, run in containers:
        operations += [replace(f"{path}/args", ["train", config, "--out", f"runs/{SMOKE}/{run}"])]
        operations += [replace(f"{path}/resources", SMALL)]
    publish = ["publish", "configs/smoke/publish.toml", "--runs", f"runs/{SMOKE}", "--store", "/models", *options]
    operations += [replace(f"{where}/containers/0/args", publish), replace(f"{where}/containers/0/resources", SMALL)]
    return [{"target": {"kind": kind}, "operations": operations}]


def shut_gate() -> None:
    """Publish what is not good enough."""
    shut = _publishing(
        "Job", "/spec/template/spec", "--set", "name=shut", "--set", "floor=1.0", "--set", "metric=e2e_h"
    )
    kubectl("create", "-k", overlay("trainer/job", suffix="-shut", patches=shut))
    started = time.monotonic()
    assert ended("ocr-train-shut", 600) == "Failed"
    seconds = time.monotonic() - started
    (pod,) = get("pods", "-l", "batch.kubernetes.io/job-name=ocr-train-shut")["items"]
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert state["exitCode"] == 79, state
    assert "below the floor" in state["message"], state
    say(f"a closed gate: Failed after {seconds:.0f} s, one pod, exit code 79, {state['message'].splitlines()[-1]!r}")


def by_hand() -> None:
    """Start tonight's training now; the service takes up what it publishes."""
    before = served()["version"]
    nightly = _publishing("CronJob", "/spec/jobTemplate/spec/template/spec")
    # After the container that tidies up.
    for operation in nightly[0]["operations"]:
        operation["path"] = operation["path"].replace("initContainers/1", "initContainers/2")
        operation["path"] = operation["path"].replace("initContainers/0", "initContainers/1")
    kubectl("apply", "-k", overlay("trainer/nightly", patches=nightly))
    kubectl("-n", "ocr", "create", "job", "--from=cronjob/ocr-retrain", "ocr-retrain-now")
    assert ended("ocr-retrain-now", 900) == "Complete"
    after = until("taken up", lambda: version if (version := served()["version"]) != before else None, 120)
    say(f"the CronJob by hand: Complete, and the service reads by smoke@{after} without a new start")


def indexed() -> None:
    """Lose a pod of two that train together."""
    where = "/spec/template/spec/containers/0"
    options = [part for option in TINY for part in ("--set", option)]
    arguments = ["train", "configs/smoke/rec-plain.toml", "--out", "runs/$(RUN)/rec", *options]
    operations = [replace(f"{where}/args", arguments), replace(f"{where}/resources", SMALL)]
    patches = [{"target": {"kind": "Job"}, "operations": operations}]
    kubectl("create", "-k", overlay("trainer/indexed", suffix="-again", patches=patches))
    job = "ocr-train-indexed-again"
    lost = until("step 10", lambda: _pod_at(job, 10), 900)
    kubectl("-n", "ocr", "delete", "pod", lost, "--force", "--grace-period=0")
    assert ended(job, 1800) == "Complete"
    pods = get("pods", "-l", f"batch.kubernetes.io/job-name={job}")["items"]
    done = [pod for pod in pods if pod["status"]["phase"] == "Succeeded"]
    assert len(done) == 2, [pod["status"]["phase"] for pod in pods]
    first = next(pod["metadata"]["name"] for pod in done if "-again-0-" in pod["metadata"]["name"])
    steps = _steps(first)
    assert steps[0] > 5, steps
    assert steps[-1] == STEPS
    say(f"Indexed Job under another name, {lost} deleted: both pods anew, steps {steps[0]} to {steps[-1]}, Complete")


def _pod_at(job: str, step: int) -> str | None:
    """Return the second pod of a Job when the first has logged a step."""
    pods = get("pods", "-l", f"batch.kubernetes.io/job-name={job}")["items"]
    names = sorted(pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running")
    if len(names) == 2 and _steps(names[0])[-1:] >= [step]:
        return names[1]
    return None


def _steps(pod: str) -> list[int]:
    log = kubectl("-n", "ocr", "logs", pod).splitlines()
    return [json.loads(row)["step"] for row in log if row.startswith('{"event": "train"')]
