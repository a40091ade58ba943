"""What the tests of manifests share: rendering, pods wherever they stand, and the rules that ours must keep."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = tuple(
    f"{folder}/{name}".lstrip("/")
    for folder, names in {
        "": ("namespace", "bulk"),
        "claims": ("models",),
        "overlays": ("cpu", "gpu", "local"),
        "trainer": (
            "storage",
            "storage-local",
            "job",
            "job-gpu",
            "smoke",
            "indexed",
            "indexed-gpu",
            "nightly",
            "kubeflow",
        ),
    }.items()
    for name in names
)
COMPONENTS = ("monitoring", "autoscaling", "store-pvc", "store-s3")
KUBECTL = shutil.which("kubectl")


@cache
def _kustomized(folder: Path) -> str:
    command = ["kubectl", "kustomize", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def render(folder: Path) -> list[Manifest]:
    """Return what `kubectl apply -k folder` would send."""
    return [document for document in yaml.safe_load_all(_kustomized(folder)) if document]


def pods(manifest: Manifest) -> Iterator[Manifest]:
    """Yield the pod templates anywhere in a manifest: of Deployments, Jobs, CronJobs, and runtimes of Kubeflow."""

    def walk(node: Any) -> Iterator[Manifest]:
        if isinstance(node, dict):
            if isinstance(node.get("spec"), dict) and "containers" in node["spec"]:
                yield node
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    yield from walk(manifest)


def complaints(manifest: Manifest) -> list[str]:
    """Return which of our rules a manifest breaks, in words."""
    found: list[str] = []
    serves = manifest["kind"] == "Deployment"
    for pod in pods(manifest):
        found += _pod_complaints(pod["spec"])
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            found += [f"{container['name']}: {text}" for text in _container_complaints(container)]
        for container in pod["spec"]["containers"] if serves else []:
            probes = ("startupProbe", "readinessProbe", "livenessProbe")
            found += [f"{container['name']}: no {probe}" for probe in probes if probe not in container]
            if "preStop" not in container.get("lifecycle", {}):
                found.append(f"{container['name']}: no preStop")
    return found


def _pod_complaints(spec: Manifest) -> Iterator[str]:
    security = spec.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "gets a token for the API server"
    if spec.get("enableServiceLinks") is not False:
        yield "gets OCR_PORT=tcp://… from a Service called ocr"
    if "terminationGracePeriodSeconds" not in spec:
        yield "no time to stop in"


def _container_complaints(container: Manifest) -> Iterator[str]:
    _, _, tag = container["image"].rpartition("/")[2].partition(":")
    if tag in ("", "latest") and "@sha256:" not in container["image"]:
        yield f"image {container['image']} has no version"
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "may write to its image"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "has capabilities"
    for kind in ("requests", "limits"):
        missing = {"cpu", "memory"} - set(container.get("resources", {}).get(kind, {}))
        if missing:
            yield f"no {kind} of {', '.join(sorted(missing))}"
