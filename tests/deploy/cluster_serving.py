"""What `make cluster-test` does to the service: restarted, evicted, misconfigured, it must still read every page."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from cluster import CLIENTS, K8S, Load, Manifest, ask, asking_pod, client, get, kubectl, overlay, rolled_out, smaller
from engine import say, until

WORDS = "THE CORNER BAKERY"


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
