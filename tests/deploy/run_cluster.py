"""`make cluster-test`: applies the manifests to the cluster that KUBECONFIG names, and uses them as people would.

Its nodes have the images of the service, the trainer and a store (`SERVICE_IMAGE`, `TRAINER_IMAGE`, `S3_IMAGE`), and it
gives volumes of ReadWriteOnce. A cluster that has a namespace `ocr` is left alone. What cannot be seen there, it says.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cluster import (
    CLIENTS,
    CONFINED,
    K8S,
    S3_IMAGE,
    SMALL,
    Load,
    Manifest,
    ask,
    asking_pod,
    client,
    define_absent,
    ended,
    get,
    kubectl,
    overlay,
    replace,
    rolled_out,
    smaller,
    there,
)
from engine import say, until

WORDS = "THE CORNER BAKERY"
SMOKE = "ocr-train-smoke"
STEPS = 60
TINY = [f"schedule.steps={STEPS}", "schedule.warmup=5", "data.batch=4", "data.group=2", "compute.threads=1"]
TINY += ["compute.workers=0", "compute.save_every=5", "compute.log_every=5"]
RUN = {"name": "RUN", "value": SMOKE}
"""In place of the Job's own name: goes on from the networks that the smoke Job has trained."""


def served() -> Manifest:
    """Read the page through the Service, and return the model that read it."""
    answer = ask()
    assert answer["code"] == "200", answer
    model: Manifest = answer["answer"]["model"]
    return model


def reads() -> None:
    """Apply what docs/deployment.md says, twice, and read a page."""
    for folder in ("trainer/storage-local", "overlays/local"):
        kubectl("apply", "-k", str(K8S / folder))
    started = time.monotonic()
    rolled_out()
    say(f"overlays/local: ready {time.monotonic() - started:.1f} s after it was applied, under `restricted`")
    client()
    answer = ask()
    lines = [line["text"] for line in answer["answer"]["pages"][0]["lines"]]
    assert WORDS in lines, answer
    say(f"through the Service, from a namespace labelled ocr-client=true: {len(lines)} lines, {lines[0]!r} first")
    for folder in ("trainer/storage-local", "overlays/local", "trainer/storage-local"):
        kubectl("diff", "-k", str(K8S / folder))  # ends with 1 where something would change
        kubectl("apply", "-k", str(K8S / folder))
    say("applied again in any order: nothing changes")


def under_load(what: str, seconds: int, act: Callable[[], None]) -> None:
    """Do something while clients ask; every page must be read."""
    load = Load(seconds)
    act()
    outcome = load.outcome()
    answers = ", ".join(f"{count}×{code}" for code, count in outcome["counts"].items())
    say(f"{what}, 2 clients for {seconds} s: {answers}, the slowest in {outcome['slowest']:.1f} s")
    assert set(outcome["counts"]) == {"200"}, outcome["said"]


def restart() -> None:
    """Restart by hand."""
    kubectl("-n", "ocr", "rollout", "restart", "deployment/ocr")
    rolled_out()


def evict() -> None:
    """Evict a pod of two, as a node does that is drained."""
    kubectl("-n", "ocr", "scale", "deployment/ocr", "--replicas=2")
    rolled_out()
    pod = get("pods", "-l", "app.kubernetes.io/component=service")["items"][0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "ocr"}}
    kubectl("create", "--raw", f"/api/v1/namespaces/ocr/pods/{pod}/eviction", "-f", "-", body=eviction)
    kubectl("-n", "ocr", "wait", "--for=delete", f"pod/{pod}", "--timeout=120s")
    rolled_out()
    kubectl("-n", "ocr", "scale", "deployment/ocr", "--replicas=1")


def wrong_model() -> None:
    """Name a model that is nowhere; what is there goes on, and going back is one command of the runbook."""

    def change() -> None:
        kubectl("-n", "ocr", "set", "env", "deployment/ocr", "OCR_MODEL=absent")
        reason = until("the reason", _why_not_seeded, 120)
        kubectl("-n", "ocr", "rollout", "undo", "deployment/ocr")
        rolled_out()
        say(f"OCR_MODEL=absent: the new pod waits, {reason!r}")

    under_load("a model that is nowhere, and back", 45, change)


def _why_not_seeded() -> str | None:
    """Return the last line of a pod that could not be given its model."""
    for pod in get("pods", "-l", "app.kubernetes.io/component=service")["items"]:
        for seed in pod["status"].get("initContainerStatuses", []):
            state = seed["state"].get("terminated") or seed["lastState"].get("terminated") or {"exitCode": 0}
            if state["exitCode"]:
                return kubectl("-n", "ocr", "logs", pod["metadata"]["name"], "-c", "seed").splitlines()[-1]
    return None


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


def keeps_what_was_set() -> None:
    """Apply another overlay over the one that is there."""
    cpu = overlay("overlays/cpu", components=("store-pvc",), patches=[smaller(init=1)])
    kubectl("apply", "-k", cpu)
    rolled_out()
    assert served()["name"] == "smoke"
    kubectl("apply", "-k", str(K8S / "overlays/local"))
    rolled_out()
    assert served()["name"] == "smoke"
    say("overlays/cpu with store-pvc over it, and back: OCR_MODEL=smoke is kept")


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


def components() -> None:
    """Apply each component; where there is no operator, what it would find."""
    taken = ("monitoring", "autoscaling", "store-pvc")
    kubectl("apply", "-k", overlay("overlays/cpu", components=taken, patches=[smaller(init=1)]))
    rolled_out()
    found = [get(kind, "ocr")["kind"] for kind in ("servicemonitor", "prometheusrule", "scaledobject")]
    assert get("configmap", "ocr-dashboard")["data"]
    say(f"monitoring, autoscaling: {', '.join(found)} and the dashboard are in the namespace ocr")
    folders = [
        "overlays/cpu",
        "overlays/gpu",
        *(str(path.parent.relative_to(K8S)) for path in K8S.glob("trainer/*/kust*")),
    ]
    for folder in folders:
        if not folder.endswith("/storage"):  # its claims are those of storage-local, which cannot be changed
            kubectl("apply", "-k", str(K8S / folder), "--dry-run=server")
    say(f"taken by the API server (--dry-run=server): {', '.join(sorted(folders))}")
    kubectl("create", "-k", str(K8S / "trainer/kubeflow"))
    say("trainer/kubeflow: created, the runtime before the job")
    kubectl("apply", "-k", str(K8S / "overlays/local"))
    rolled_out()


def bucket() -> None:
    """Serve from a store of the S3 protocol."""
    keys = {"AWS_ACCESS_KEY_ID": "ocr-models", "AWS_SECRET_ACCESS_KEY": "ocr-models-secret"}
    container = {"name": "s3", "image": S3_IMAGE, "imagePullPolicy": "IfNotPresent", "securityContext": CONFINED}
    container |= {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    pod = asking_pod("s3")
    pod["metadata"]["labels"] = {"app": "s3"}
    pod["spec"] |= {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}
    kubectl("-n", CLIENTS, "apply", "-f", "-", body=pod)
    kubectl("-n", CLIENTS, "expose", "pod", "s3", "--port=443", "--target-port=9000")
    kubectl("-n", CLIENTS, "wait", "--for=condition=Ready", "pod/s3", "--timeout=120s")
    secret = [f"--from-literal={name}={value}" for name, value in keys.items()]
    kubectl("-n", "ocr", "create", "secret", "generic", "ocr-s3", *secret)
    endpoint = {"op": "add", "path": "/data/AWS_ENDPOINT_URL", "value": f"http://s3.{CLIENTS}:443"}
    patches = [smaller(init=1), {"target": {"kind": "ConfigMap", "name": "ocr-s3"}, "operations": [endpoint]}]
    # Another overlay than the one with the volume, so from nothing.
    kubectl("-n", "ocr", "delete", "deployment", "ocr")
    kubectl("apply", "-k", overlay("overlays/cpu", components=("store-s3",), patches=patches))
    rolled_out()
    seeded = kubectl("-n", "ocr", "logs", "deployment/ocr", "-c", "seed").splitlines()[-1]
    model = served()
    say(f"store-s3: {seeded!r}; pages are read by {model['name']}@{model['version']} out of the bucket")


def unseen() -> None:
    """Say what this cluster does not show."""
    missing = []
    if subprocess.run(["kubectl", "get", "--raw", "/apis/metrics.k8s.io/v1beta1"], capture_output=True).returncode:
        missing.append("whether the autoscaler scales (the cluster has no metrics)")
    kubectl("create", "namespace", f"{CLIENTS}-strange")
    files = [
        "--from-file=cluster_client.py=tests/deploy/cluster_client.py",
        "--from-file=page.jpg=examples/receipt.jpg",
    ]
    kubectl("-n", f"{CLIENTS}-strange", "create", "configmap", "client", *files)
    kubectl("-n", f"{CLIENTS}-strange", "apply", "-f", "-", body=asking_pod("client"))
    kubectl("-n", f"{CLIENTS}-strange", "wait", "--for=condition=Ready", "pod/client", "--timeout=120s")
    if ask(f"{CLIENTS}-strange")["code"] == "200":
        missing.append("whether NetworkPolicies keep anybody out (the cluster does not enforce them)")
    else:
        say("a namespace without the label is kept out")
    missing.append(
        "operators (Prometheus, KEDA, Kubeflow) where their kinds were defined above, GPUs, more nodes than one"
    )
    say(f"not seen here: {'; '.join(missing)}")


def remains() -> None:
    """Delete the overlay; the volumes stay."""
    kubectl("delete", "-k", str(K8S / "overlays/local"), "--ignore-not-found")
    claims = {claim["metadata"]["name"] for claim in get("pvc")["items"]}
    assert claims == {"ocr-models", "ocr-runs", "ocr-data"}, claims
    say("delete -k overlays/local: namespace, models, runs and data are still there")


def main() -> None:
    if there("namespace", "ocr") or there("namespace", CLIENTS):
        sys.exit(f"the cluster has a namespace ocr or {CLIENTS}: what is there is not this test's to change")
    version = json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    nodes = get("nodes")["items"]
    say(f"Kubernetes {version}, {len(nodes)} node(s) of {nodes[0]['status']['capacity']['cpu']} cores")
    made: list[str] = []
    try:
        reads()
        begun = smoke()
        under_load("restarted", 60, restart)
        under_load("a pod of two evicted", 90, evict)
        wrong_model()
        indexed()
        made = define_absent()
        components()
        smoke_served(begun)
        keeps_what_was_set()
        shut_gate()
        by_hand()
        bucket()
        unseen()
        remains()
    finally:
        for name in made:
            kubectl("delete", "crd", name, check=False)
        with contextlib.suppress(subprocess.CalledProcessError):
            kubectl("delete", "namespace", "ocr", CLIENTS, f"{CLIENTS}-strange", "--ignore-not-found", check=False)
    say("cluster-test: good")


if __name__ == "__main__":
    main()
